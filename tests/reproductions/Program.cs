using System.Reflection;
using System.Runtime.Loader;

// Runs one reproduction: dotnet Reproductions.dll FOLDER CLASS. FOLDER is the published Peer, which has the assemblies.
var peer = args[0];
AssemblyLoadContext.Default.Resolving += (context, name) => context.LoadFromAssemblyPath(Path.Combine(peer, $"{name.Name}.dll"));
var run = Assembly.GetExecutingAssembly().GetType(args[1])!.GetMethod("Run")!;
run.Invoke(null, BindingFlags.DoNotWrapExceptions, null, null, null);
