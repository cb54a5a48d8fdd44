"""What the tests about results share: a made-up environment, and records found in it."""

from __future__ import annotations

from tscompat.results.environment import Dotnet, Environment, Formats, Library
from tscompat.results.record import Record
from tscompat.values.verdict import FirstDifference, Kind, Verdict, VerdictId
from tscompat.verdicts.divergences import Judgement, Outcome

ZEROS = f"sha256:{64 * '0'}"
ENVIRONMENT = Environment(
    platform="linux-x86_64",
    device="cpu",
    torch=Library(version="2.13.0+cpu", sha256=ZEROS),
    torchsharp=Library(version="0.107.0", sha256=ZEROS),
    libtorch=Library(version="2.10.0", sha256=ZEROS),
    libtorchsharp=ZEROS,
    scripts={},
    system="Linux",
    cpus=2,
    memory_bytes=8 << 30,
    cuda=None,
    tscompat="0.1.0",
    suite=ZEROS,
    again="tscompat run",
    python="3.11.2",
    dotnet=Dotnet(
        version="8.0.0",
        libtorch_reported="2.10.0",
        torchsharp_reported="0.107.0",
        pybridge="1.4.4",
        rid="linux-x64",
        torchsharp_dll=None,
        native=None,
        device="cpu",
        patched=None,
    ),
    numpy="2.4.0",
    safetensors="0.8.0",
    torchvision="0.28.0",
    torch_formats=Formats(torchscript_operators="10", export_schema="8.20"),
)
PASS = Verdict(Kind.PASS)
PASSED = Judgement(Outcome.PASSED)


def a_record(
    route: str = "dat",
    case: str = "pattern/all/bf16",
    *,
    direction: str = "python-to-dotnet",
    device: str = "cpu",
    check: str = "bits",
    dtype: str = "bf16",
    verdict: Verdict = PASS,
    judgement: Judgement = PASSED,
    files: tuple[str, ...] = (),
    rerun: str = "",
    environment: Environment = ENVIRONMENT,
) -> Record:
    """A pass of one bfloat16 case, unless an argument changes it."""
    verdict_id = VerdictId(route, direction, device, case, check)
    return Record.of(environment.key, verdict_id, dtype, verdict, judgement, 0.25, files, rerun)


FAILURE = a_record(
    case="pattern/special/bf16",
    verdict=Verdict(
        Kind.BITS,
        "element [1] is 0x7fc1, expected 0x7f81",
        FirstDifference("weight", "bits", 1, "0x7f81", "0x7fc1"),
    ),
    judgement=Judgement(Outcome.FAILED, "nan-payload", "kind changed: 'nan-payload' expects refused, got bits"),
    files=("failures/1/expected.dat", "failures/1/actual.dat"),
    rerun="tscompat run -k pattern/special/bf16",
)
"""A failed verdict with everything that a record can have."""
