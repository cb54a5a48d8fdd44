using TorchSharp;
using static TorchSharp.torch;

namespace TorchSharpCompat.Models;

/// <summary>
/// A convolutional autoencoder of two Sequentials: images (batch, 1, 28, 28) to 32 numbers and back. Its counterpart:
/// models/autoencoder.py.
/// </summary>
public sealed class Autoencoder : nn.Module<Tensor, Tensor>
{
    private readonly nn.Module<Tensor, Tensor> encoder = nn.Sequential(
        nn.Conv2d(1, 8, 3, stride: 2, padding: 1),
        nn.LeakyReLU(0.1),
        nn.Conv2d(8, 16, 3, stride: 2, padding: 1),
        nn.LeakyReLU(0.1),
        nn.Flatten(),
        nn.Linear(784, 32));

    private readonly nn.Module<Tensor, Tensor> decoder = nn.Sequential(
        nn.Linear(32, 784),
        nn.Unflatten(1, [16, 7, 7]),
        nn.ConvTranspose2d(16, 8, 2, stride: 2),
        nn.LeakyReLU(0.1),
        nn.ConvTranspose2d(8, 1, 2, stride: 2),
        nn.Sigmoid());

    public Autoencoder() : base("autoencoder") => RegisterComponents();

    public override Tensor forward(Tensor images)
    {
        using var scope = NewDisposeScope();
        return decoder.call(encoder.call(images)).MoveToOuterDisposeScope();
    }
}
