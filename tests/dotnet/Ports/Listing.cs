using TorchSharp;
using static TorchSharp.torch;

namespace Ports;

/// <summary>The lines that tscompat verify prints, as a person pastes them.</summary>
public static class Listing
{
    public static void Write(nn.Module model)
    {
        using var listing = new StreamWriter("listing.txt");
        foreach (var (name, tensor) in model.state_dict())
            listing.WriteLine($"{name}\t{tensor.dtype}\t{string.Join(' ', tensor.shape)}");
    }
}
