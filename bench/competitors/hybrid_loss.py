"""The hybrid loss and its gradients through the upsampling in PyTorch, eager or compiled."""
import torch
import torch.nn.functional as F

from worker import read_safetensors, read_task, serve

NEGATIVE, IGNORE = 254, 255
BETA_X, BETA_D = 0.03, 0.3


def hybrid_loss(logits, ood_logits, labels):
    s = F.interpolate(logits, labels.shape[1:], mode="bilinear")
    g = F.interpolate(ood_logits, labels.shape[1:], mode="bilinear")
    negative = labels == NEGATIVE
    cls = F.cross_entropy(s, labels.masked_fill(negative, IGNORE), ignore_index=IGNORE)
    # The mean over negatives as a product with the mask: no shape that depends on data, which torch.compile prefers.
    density = torch.logsumexp(s, 1)
    x = (density * negative).sum() / negative.sum() - s.detach().mean()
    d = F.cross_entropy(g, negative.long())
    return cls + BETA_X * x + BETA_D * d


def check(result):
    loss, (grad_logits, grad_ood_logits) = result
    return [loss.item(), grad_logits.double().norm().item(), grad_ood_logits.double().norm().item()]


def main():
    task = read_task()
    inputs = read_safetensors(task["inputs"])
    logits = inputs["logits"].requires_grad_(True)
    ood_logits = inputs["oodLogits"].requires_grad_(True)
    labels = inputs["labels"].long()
    loss_of = torch.compile(hybrid_loss) if task["engine"] == "compile" else hybrid_loss

    def run():
        loss = loss_of(logits, ood_logits, labels)
        return loss.detach(), torch.autograd.grad(loss, (logits, ood_logits))

    serve(f"PyTorch {torch.__version__} {task['engine']}", run, check)


if __name__ == "__main__":
    main()
