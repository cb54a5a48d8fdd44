using static TorchSharp.torch;
using static TorchSharp.torchvision;

namespace TorchSharpCompat.Models;

/// <summary>The architectures by name. Their counterparts in Python have the same names: python_side/models.</summary>
public static class Architectures
{
    private static readonly Dictionary<string, Func<nn.Module<Tensor, Tensor>>> Table = new()
    {
        ["autoencoder"] = () => new Autoencoder(),
        ["gpt"] = () => new Gpt(),
        ["lstm-classifier"] = () => new LstmClassifier(),
        ["mlp"] = () => new Mlp(),
        ["mnist"] = () => new Mnist(),
        ["unet"] = () => new Unet(),
        ["vit"] = () => new Vit(),
        // TorchVision's own, as TorchVision's factories build them by default.
        ["alexnet"] = () => models.alexnet(),
        ["googlenet"] = () => models.googlenet(),
        ["inception-v3"] = () => models.inception_v3(),
        ["mobilenet-v2"] = () => models.mobilenet_v2(),
        ["mobilenet-v3-large"] = () => models.mobilenet_v3_large(),
        ["mobilenet-v3-small"] = () => models.mobilenet_v3_small(),
        ["resnet18"] = () => models.resnet18(),
        ["resnet34"] = () => models.resnet34(),
        ["resnet50"] = () => models.resnet50(),
        ["resnet101"] = () => models.resnet101(),
        ["resnet152"] = () => models.resnet152(),
        ["resnext50-32x4d"] = () => models.resnext50_32x4d(),
        ["resnext101-32x8d"] = () => models.resnext101_32x8d(),
        ["resnext101-64x4d"] = () => models.resnext101_64x4d(),
        ["vgg11"] = () => models.vgg11(),
        ["vgg11-bn"] = () => models.vgg11_bn(),
        ["vgg13"] = () => models.vgg13(),
        ["vgg13-bn"] = () => models.vgg13_bn(),
        ["vgg16"] = () => models.vgg16(),
        ["vgg16-bn"] = () => models.vgg16_bn(),
        ["vgg19"] = () => models.vgg19(),
        ["vgg19-bn"] = () => models.vgg19_bn(),
        ["wide-resnet50-2"] = () => models.wide_resnet50_2(),
        ["wide-resnet101-2"] = () => models.wide_resnet101_2(),
        ["alexnet-7-classes"] = () => models.alexnet(num_classes: 7, dropout: 0.25f),
        ["googlenet-transforms"] = () =>
            models.googlenet(num_classes: 7, transform_input: true, dropout: 0.25f, dropout_aux: 0.5f),
        ["inception-v3-transforms"] = () => models.inception_v3(num_classes: 7, dropout: 0.25f, transform_input: true),
        ["resnet18-7-classes"] = () => models.resnet18(num_classes: 7, zero_init_residual: true),
        ["resnet50-dilated"] = () =>
            models.resnet50(num_classes: 7, groups: 2, width_per_group: 32, replace_stride_with_dilation: (false, true, true)),
        ["vgg11-7-classes"] = () => models.vgg11(num_classes: 7, dropout: 0.25f),
    };

    public static string[] Names => [.. Table.Keys];

    /// <summary>A new model on the CPU. Throws KeyNotFoundException for an unknown name.</summary>
    public static nn.Module<Tensor, Tensor> Build(string name) => Table[name]();
}
