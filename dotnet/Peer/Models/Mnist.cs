using TorchSharp;
using static TorchSharp.torch;

namespace TorchSharpCompat.Models;

/// <summary>
/// The convolutional network of the MNIST and adversarial examples: images (batch, 1, 28, 28) to the log-probabilities of
/// ten digits. Layers and names are those of TorchSharpExamples' src/CSharp/Models/MNIST.cs. Its counterpart: models/mnist.py.
/// </summary>
public sealed class Mnist : nn.Module<Tensor, Tensor>
{
    private readonly nn.Module<Tensor, Tensor> conv1 = nn.Conv2d(1, 32, 3);
    private readonly nn.Module<Tensor, Tensor> conv2 = nn.Conv2d(32, 64, 3);
    private readonly nn.Module<Tensor, Tensor> fc1 = nn.Linear(9216, 128);
    private readonly nn.Module<Tensor, Tensor> fc2 = nn.Linear(128, 10);
    private readonly nn.Module<Tensor, Tensor> dropout1 = nn.Dropout(0.25);
    private readonly nn.Module<Tensor, Tensor> dropout2 = nn.Dropout(0.5);

    public Mnist() : base("mnist") => RegisterComponents();

    public override Tensor forward(Tensor images)
    {
        using var scope = NewDisposeScope();
        var x = nn.functional.relu(conv1.call(images));
        x = nn.functional.max_pool2d(nn.functional.relu(conv2.call(x)), 2);
        x = dropout1.call(x).flatten(1);
        x = dropout2.call(nn.functional.relu(fc1.call(x)));
        return nn.functional.log_softmax(fc2.call(x), 1).MoveToOuterDisposeScope();
    }
}
