using TorchSharp;
using static TorchSharp.torch;

namespace TorchSharpCompat.Models;

/// <summary>
/// A small U-Net: images (batch, 1, height, width) to the scores of two classes for each pixel (batch, 2, height, width);
/// height and width are multiples of four. Its counterpart: models/unet.py.
/// </summary>
public sealed class Unet : nn.Module<Tensor, Tensor>
{
    private readonly nn.Module<Tensor, Tensor> down1 = new DoubleConv(1, 8);
    private readonly nn.Module<Tensor, Tensor> down2 = new DoubleConv(8, 16);
    private readonly nn.Module<Tensor, Tensor> bottom = new DoubleConv(16, 32);
    private readonly nn.Module<Tensor, Tensor> up2 = nn.ConvTranspose2d(32, 16, 2, stride: 2);
    private readonly nn.Module<Tensor, Tensor> merge2 = new DoubleConv(32, 16);
    private readonly nn.Module<Tensor, Tensor> up1 = nn.ConvTranspose2d(16, 8, 2, stride: 2);
    private readonly nn.Module<Tensor, Tensor> merge1 = new DoubleConv(16, 8);
    private readonly nn.Module<Tensor, Tensor> head = nn.Conv2d(8, 2, 1);

    public Unet() : base("unet") => RegisterComponents();

    public override Tensor forward(Tensor images)
    {
        using var scope = NewDisposeScope();
        var level1 = down1.call(images);
        var level2 = down2.call(nn.functional.max_pool2d(level1, 2));
        var x = bottom.call(nn.functional.max_pool2d(level2, 2));
        x = merge2.call(cat([level2, up2.call(x)], 1));
        x = merge1.call(cat([level1, up1.call(x)], 1));
        return head.call(x).MoveToOuterDisposeScope();
    }

    /// <summary>Two convolutions that keep height and width, each with batch normalization.</summary>
    private sealed class DoubleConv : nn.Module<Tensor, Tensor>
    {
        private readonly nn.Module<Tensor, Tensor> conv1;
        private readonly nn.Module<Tensor, Tensor> norm1;
        private readonly nn.Module<Tensor, Tensor> conv2;
        private readonly nn.Module<Tensor, Tensor> norm2;

        public DoubleConv(long channelsIn, long channelsOut) : base("double_conv")
        {
            conv1 = nn.Conv2d(channelsIn, channelsOut, 3, padding: 1, bias: false);
            norm1 = nn.BatchNorm2d(channelsOut);
            conv2 = nn.Conv2d(channelsOut, channelsOut, 3, padding: 1, bias: false);
            norm2 = nn.BatchNorm2d(channelsOut);
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            x = nn.functional.relu(norm1.call(conv1.call(x)));
            return nn.functional.relu(norm2.call(conv2.call(x))).MoveToOuterDisposeScope();
        }
    }
}
