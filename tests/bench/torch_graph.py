#!/usr/bin/env python3
"""The training workloads of shared/bench/torch_bench.py with each step captured as one CUDA graph: what PyTorch reaches
where launches cost nothing. usage: torch_graph.py PATH/torch_bench.py [its options]; lines as there, "train-NAME ms"."""
import sys

path = sys.argv.pop(1)
sys.argv += ["--device", "cuda"]
source = open(path).read()
exec(compile(source[: source.index('train("mnist-ia"')], path, "exec"))  # networks, options and median, no workload


def graphed(name, net, shape):
    net = net.to(dev).to(memory_format=fmt)
    images, labels = img(B, *shape), torch.randint(0, 10, (B,), device=dev)
    optimizer = torch.optim.SGD(net.parameters(), 0.01, momentum=0.9, weight_decay=5e-4)

    def step():
        optimizer.zero_grad(set_to_none=True)
        with autocast():
            loss = F.cross_entropy(net(images), labels)
        loss.backward()
        optimizer.step()

    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        for _ in range(5):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    show(f"train-{name}", graph.replay)


graphed("mnist-ia", Mnist(), (1, 28, 28))
graphed("preact-resnet18", PreAct(), (3, 32, 32))
