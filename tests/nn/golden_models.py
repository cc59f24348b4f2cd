#!/usr/bin/env python3
"""Golden cases of every network that nn/ has and ../shared/golden/make_models.py has not, in its format, from PyTorch in
float64; build/model_check reads them. Needs PyTorch and numpy; no build or test runs it.
usage: golden_models.py OUTDIR SEED [NAME...]     (the 224-pixel cases of vgg and alexnet take 0.5 GB each)
Variational filters ("variational": "1") are taken at the mean of their latent; their loss has .003 KL added."""
import json, os, struct, sys
import torch, torch.nn as nn, torch.nn.functional as F

out, seed, wanted = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
os.makedirs(out, exist_ok=True)


def save(path, meta, tensors):
    types, header, blobs, offset = {torch.float32: "F32", torch.int32: "I32"}, {"__metadata__": meta}, [], 0
    for name, t in tensors.items():
        data = t.detach().contiguous().numpy().tobytes()
        header[name] = {"dtype": types[t.dtype], "shape": list(t.shape), "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
        blobs.append(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


# ---- classifiers ----
class Block(nn.Module):
    def __init__(self, i, o, stride, f):
        super().__init__()
        self.f = f
        self.conv1, self.bn1 = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)
        self.conv2, self.bn2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
        if stride != 1 or i != o:
            self.downsample = nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))

    def forward(self, x):
        y = self.bn2(self.conv2(self.f(self.bn1(self.conv1(x)))))
        return self.f(y + (self.downsample(x) if hasattr(self, "downsample") else x))


class ResNet18(nn.Module):
    def __init__(self, f, channels, classes, large):
        super().__init__()
        self.f, self.large, i = f, large, 64
        self.conv1 = nn.Conv2d(channels, 64, 7, 2, 3, bias=False) if large else nn.Conv2d(channels, 64, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        for k, (o, s) in enumerate(((64, 1), (128, 2), (256, 2), (512, 2)), 1):
            setattr(self, f"layer{k}", nn.Sequential(Block(i, o, s, f), Block(o, o, 1, f)))
            i = o
        self.fc = nn.Linear(512, classes)

    def forward(self, x):
        x = self.f(self.bn1(self.conv1(x)))
        x = F.max_pool2d(x, 3, 2, 1) if self.large else x
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc((x.mean((2, 3)) if self.large else F.avg_pool2d(x, 4)).flatten(1))


PLANS = {11: [64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0],
         16: [64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0]}


class VGG(nn.Module):
    def __init__(self, depth, bn, channels, classes, large):
        super().__init__()
        layers, i = [], channels
        for o in PLANS[depth]:
            layers += [nn.MaxPool2d(2)] if o == 0 else [nn.Conv2d(i, o, 3, 1, 1)] + [nn.BatchNorm2d(o)] * bn + [nn.ReLU()]
            i = o or i
        self.features, self.large = nn.Sequential(*layers), large
        self.classifier = nn.Linear(512, classes) if not large else nn.Sequential(
            nn.Linear(25088, 4096), nn.ReLU(), nn.Identity(), nn.Linear(4096, 4096), nn.ReLU(), nn.Identity(), nn.Linear(4096, classes))

    def forward(self, x):
        x = self.features(x)
        return self.classifier((F.adaptive_avg_pool2d(x, 7) if self.large else x).flatten(1))


class Listed(nn.Module):  # a Sequential under a name
    def __init__(self, name, layers):
        super().__init__()
        self.name = name
        setattr(self, name, nn.Sequential(*layers))

    def forward(self, x):
        return getattr(self, self.name)(x).flatten(1)


def nin(channels, classes):
    c = lambda i, o, k: [nn.Conv2d(i, o, k, 1, k // 2), nn.ReLU()]
    return Listed("classifier", c(channels, 192, 5) + c(192, 160, 1) + c(160, 96, 1) + [nn.MaxPool2d(3, 2, 1), nn.Identity()]
                  + c(96, 192, 5) + c(192, 192, 1) + c(192, 192, 1) + [nn.AvgPool2d(3, 2, 1), nn.Identity()]
                  + c(192, 192, 3) + c(192, 192, 1) + c(192, classes, 1) + [nn.AvgPool2d(8)])


def nin_large(channels, classes):
    c = lambda i, o, k, s=1, p=None: [nn.Conv2d(i, o, k, s, k // 2 if p is None else p), nn.ReLU()]
    pool = nn.MaxPool2d(3, 2, ceil_mode=True)
    return Listed("classifier", c(channels, 96, 11, 4, 0) + c(96, 96, 1) + c(96, 96, 1) + [pool]
                  + c(96, 256, 5) + c(256, 256, 1) + c(256, 256, 1) + [pool]
                  + c(256, 384, 3) + c(384, 384, 1) + c(384, 384, 1) + [pool, nn.Identity()]
                  + c(384, 1024, 3) + c(1024, 1024, 1) + c(1024, classes, 1) + [nn.AdaptiveAvgPool2d(1)])


class AlexNet(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        r, p = nn.ReLU(), nn.MaxPool2d(3, 2)
        self.features = nn.Sequential(nn.Conv2d(channels, 64, 11, 4, 2), r, p, nn.Conv2d(64, 192, 5, 1, 2), r, p, nn.Conv2d(192, 384, 3, 1, 1), r,
                                      nn.Conv2d(384, 256, 3, 1, 1), r, nn.Conv2d(256, 256, 3, 1, 1), r, p)
        self.classifier = nn.Sequential(nn.Identity(), nn.Linear(9216, 4096), r, nn.Identity(), nn.Linear(4096, 4096), r, nn.Linear(4096, classes))

    def forward(self, x):
        return self.classifier(F.adaptive_avg_pool2d(self.features(x), 6).flatten(1))


class MLP(nn.Module):
    def __init__(self, inputs, classes):
        super().__init__()
        widths = [inputs] + [100] * 5 + [classes]
        for i in range(6):
            setattr(self, f"linear{i + 1}", nn.Linear(widths[i], widths[i + 1]))

    def forward(self, x):
        x = x.flatten(1)
        for i in range(1, 6):
            x = F.relu(getattr(self, f"linear{i}")(x))
        return self.linear6(x)


class MnistDba(nn.Module):  # AI-secure/DBA
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 20, 5), nn.Conv2d(20, 50, 5)
        self.fc1, self.fc2 = nn.Linear(800, 500), nn.Linear(500, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


class BlockDba(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)
        self.conv2, self.bn2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
        self.shortcut = nn.Sequential(*[nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o)] * (stride != 1 or i != o))

    def forward(self, x):
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + self.shortcut(x))


class ResNet18Dba(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1, i = nn.Conv2d(3, 32, 3, 1, 1, bias=False), nn.BatchNorm2d(32), 32
        for k, (o, s) in enumerate(((32, 1), (64, 2), (128, 2), (256, 2)), 1):
            setattr(self, f"layer{k}", nn.Sequential(BlockDba(i, o, s), BlockDba(o, o, 1)))
            i = o
        self.linear = nn.Linear(256, 10)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        return self.linear(F.avg_pool2d(self.layer4(self.layer3(self.layer2(self.layer1(x)))), 4).flatten(1))


# ---- filters ----
def block(layer, o, momentum, activation):
    return nn.Sequential(layer, nn.BatchNorm2d(o, momentum=momentum), activation)


def double(i, o):
    half = lambda i: [nn.Conv2d(i, o, 3, 1, 1), nn.ReLU(), nn.BatchNorm2d(o, momentum=.01)]
    return nn.Sequential(*half(i), *half(o))


class Filter(nn.Module):
    def __init__(self, variational):
        super().__init__()
        self.variational = variational

    def encode(self, x):
        y = self.encoder(x)
        if self.variational:
            y, log_variance = y.chunk(2, 1)
            self.log_variance = log_variance.clamp(-10, 10)
        self.mean = y
        return y

    def forward(self, x):
        return self.decoder(self.encode(x))

    def kl(self):
        m, v = self.mean.flatten(1), self.log_variance.flatten(1)
        return (.5 * (m * m + v.exp() - 1 - v)).sum(1).mean()


class Mnist(Filter):
    def __init__(self, variational):
        super().__init__(variational)
        c = lambda i, o: block(nn.Conv2d(i, o, 4, 2, 1, bias=False), o, .01, nn.ReLU())
        d = lambda i, o, more: block(nn.ConvTranspose2d(i, o, 4, 2, 1, more, bias=False), o, .01, nn.ReLU())
        l = lambda i, o: nn.Sequential(nn.Linear(i, o, bias=False), nn.BatchNorm1d(o, momentum=.01), nn.ReLU())
        last = nn.Linear(576, 512) if variational else l(576, 256)
        self.encoder = nn.Sequential(c(1, 16), c(16, 32), c(32, 64), nn.Flatten(), last)
        self.decoder = nn.Sequential(l(256, 576), nn.Unflatten(1, (64, 3, 3)), d(64, 32, 1), d(32, 16, 0), d(16, 1, 0))


class CelebA(Filter):
    def __init__(self, variational):
        super().__init__(variational)
        c = lambda i, o: block(nn.Conv2d(i, o, 4, 2, 1, bias=False), o, .01, nn.LeakyReLU(.2))
        d = lambda i, o: block(nn.ConvTranspose2d(i, o, 4, 2, 1, bias=False), o, .01, nn.ReLU())
        self.encoder = nn.Sequential(c(3, 64), c(64, 128), c(128, 256), c(256, 512), *[nn.Conv2d(512, 1024, 1)] * variational)
        self.decoder = nn.Sequential(d(512, 512), d(512, 256), d(256, 128), d(128, 3))


class A(Filter):
    def __init__(self, variational):
        super().__init__(variational)
        c = lambda i, o, k, s: block(nn.Conv2d(i, o, k, s), o, .1, nn.LeakyReLU(.01))
        d = lambda i, o, k, s: block(nn.ConvTranspose2d(i, o, k, s), o, .1, nn.LeakyReLU(.01))
        self.encoder = nn.Sequential(c(3, 32, 5, 1), c(32, 64, 4, 2), c(64, 128, 4, 1), c(128, 256, 4, 2), c(256, 512, 4, 1), c(512, 512, 1, 1),
                                     nn.Flatten(), nn.Linear(512, 512 if variational else 256))
        self.decoder = nn.Sequential(nn.Unflatten(1, (256, 1, 1)), d(256, 256, 4, 1), d(256, 128, 4, 2), d(128, 64, 4, 1), d(64, 32, 4, 2),
                                     d(32, 32, 5, 1), d(32, 32, 1, 1), nn.ConvTranspose2d(32, 3, 1))


class B(Filter):
    def __init__(self, variational):
        super().__init__(variational)
        c = lambda i, o: block(nn.Conv2d(i, o, 3, 1, 1), o, .05, nn.ReLU())
        pool, up = nn.MaxPool2d(2), nn.UpsamplingBilinear2d(scale_factor=2)
        self.encoder = nn.Sequential(c(3, 32), c(32, 32), pool, c(32, 64), c(64, 64), pool, c(64, 128), c(128, 128), pool, c(128, 128),
                                     *[nn.Conv2d(128, 256, 1)] * variational)
        self.decoder = nn.Sequential(up, c(128, 128), c(128, 64), up, c(64, 64), c(64, 32), up, c(32, 32), nn.Conv2d(32, 3, 3, 1, 1))


class C(Filter):
    def __init__(self, variational):
        super().__init__(variational)
        pool, up = nn.MaxPool2d(2), nn.UpsamplingBilinear2d(scale_factor=2)
        self.encoder = nn.Sequential(double(3, 32), pool, double(32, 64), pool, double(64, 128), *[nn.Conv2d(128, 256, 1)] * variational)
        self.decoder = nn.Sequential(up, double(128, 64), up, double(64, 32), nn.Conv2d(32, 3, 1))


class D(C):
    def __init__(self, variational):
        super().__init__(variational)
        self.decoder = nn.Sequential(nn.ConvTranspose2d(128, 64, 2, 2), double(128, 64), nn.ConvTranspose2d(64, 32, 2, 2), double(64, 32), nn.Conv2d(32, 3, 1))

    def forward(self, x):
        e, d = self.encoder, self.decoder
        a = e[0](x)
        b = e[2](e[1](a))
        z = self.encode(x)  # computes a and b again: the same values
        y = d[1](torch.cat([d[0](z), b], 1))
        return d[4](d[3](torch.cat([d[2](y), a], 1)))


# ---- the cases ----
def fill(net):
    for name, p in net.named_parameters():
        if name.endswith("bias"):
            p.data.uniform_(-.1, .1)
        elif p.dim() == 1:
            p.data.uniform_(.6, 1.4)
        else:  # PyTorch's default lets the signal die over sixteen layers without batch norm
            nn.init.kaiming_normal_(p)
    for name, b in net.named_buffers():
        if name.endswith("running_mean"):
            b.uniform_(-.3, .3)
        if name.endswith("running_var"):
            b.uniform_(.5, 1.5)


def case(file, model, net, shape, classes, n=4, **meta):
    if wanted and file not in wanted:
        return
    torch.manual_seed(seed)
    fill(net)
    t = {k: v.clone() for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    x = torch.rand(n, *shape)
    t["input"], net, xd = x, net.double(), x.double()
    with torch.no_grad():
        t["logits_eval" if classes else "output_eval"] = net.eval()(xd).float()
    o = net.train()(xd)
    t["output_train"] = o.detach().float()
    if classes:
        y = torch.randint(0, classes, (n,))
        t["labels"], loss = y.int(), F.cross_entropy(o, y)
    else:
        loss = (o - xd).flatten(1).norm(dim=1).mean()
        if net.variational:
            loss = loss + .003 * net.kl()
    loss.backward()
    t["loss_train"] = loss.detach().float().reshape(1)
    for k, p in net.named_parameters():
        t[f"grad.{k}.norm"], t[f"grad.{k}.head"] = p.grad.norm().float().reshape(1), p.grad.flatten()[:16].float()
    save(f"{out}/{file}.safetensors", dict(model=model, classes=str(classes), **meta), t)
    print(file, sum(p.numel() for p in net.parameters()), "parameters", flush=True)


activations = {"": F.relu, "_leaky_relu": F.leaky_relu, "_elu": F.elu, "_tanhshrink": F.tanhshrink, "_softplus": F.softplus}
for name, f in activations.items():
    case("resnet18" + name, "resnet18" + name, ResNet18(f, 3, 10, False), (3, 32, 32), 10)
for depth in 11, 16:
    for bn in False, True:
        name = f"vgg{depth}" + "_bn" * bn
        case(name, name, VGG(depth, bn, 3, 10, False), (3, 32, 32), 10, n=8)
case("mnist_dba", "mnist_dba", MnistDba(), (1, 28, 28), 10)
case("resnet18_dba", "resnet18_dba", ResNet18Dba(), (3, 32, 32), 10)
case("nin", "nin", nin(3, 10), (3, 32, 32), 10)
case("mlp", "mlp", MLP(2, 5), (2, 1, 1), 5, n=32)
case("mlp_grey", "mlp", MLP(784, 10), (1, 28, 28), 10)
for name, make in dict(filter_mnist=Mnist, filter_celeba=CelebA, filter_a=A, filter_b=B, filter_c=C, filter_d=D).items():
    shape = {"filter_mnist": (1, 28, 28), "filter_celeba": (3, 64, 64)}.get(name, (3, 32, 32))
    n = 16 if name == "filter_a" else 4  # its middle is 1x1: the batch is all that its batch norm has
    case(name, name, make(False), shape, 0, n)
    case(name + "_vae", name, make(True), shape, 0, n, variational="1")
case("resnet18_224", "resnet18", ResNet18(F.relu, 3, 10, True), (3, 224, 224), 10, n=2)
case("nin_224", "nin", nin_large(3, 10), (3, 224, 224), 10, n=2)
case("alexnet", "alexnet", AlexNet(3, 2), (3, 224, 224), 2, n=2)
if wanted:  # large: only when asked for
    case("vgg11_bn_224", "vgg11_bn", VGG(11, True, 3, 10, True), (3, 224, 224), 10, n=2)
    case("vgg16_224", "vgg16", VGG(16, False, 3, 10, True), (3, 224, 224), 10, n=1)
