"""What an excess of a service often means: a fixed table, not a finding about this one."""

from services.domain.service_names import service_name

MAX_ABBREVIATION = 4
"""Letters up to which a name must be a word of its own: "nat" is part of "coordinator"."""
HINTS: tuple[tuple[str, str], ...] = (
    ("ec2", "Often a test left running or a changed instance size."),
    ("compute cloud", "Often a test left running or a changed instance size."),
    ("s3", "Often copies without a lifecycle rule or many requests from one job."),
    ("storage service", "Often copies without a lifecycle rule or many requests from one job."),
    ("rds", "Often a larger instance, a restored snapshot or storage that grew."),
    ("relational database", "Often a larger instance or a restored snapshot."),
    ("lambda", "Often a function that calls itself or retries of failing calls."),
    ("cloudwatch", "Often debug-level logs or metrics with many dimensions."),
    ("dynamodb", "Often a scan in a loop or capacity raised for a test."),
    ("bedrock", "Often a new use of a model or longer prompts."),
    ("sagemaker", "Often an endpoint or a notebook left running."),
    ("nat", "Often traffic that a gateway endpoint would carry for less."),
    ("data transfer", "Often traffic between Regions or Availability Zones."),
    ("cloudfront", "Often a busy day or a cache that was turned off."),
    ("redshift", "Often a cluster that was not paused."),
    ("eks", "Often a node group that scaled up and not down."),
    ("ecs", "Often a service that scaled up and not down."),
)
"""Part of a service's name in lower case, and a sentence; the first match counts."""


def hint(service: str) -> str:
    """A sentence that starts with "Often"; empty for a service without one."""
    name = service_name(service).casefold()
    return next((sentence for part, sentence in HINTS if _mentions(name, part)), "")


def _mentions(name: str, part: str) -> bool:
    if len(part) > MAX_ABBREVIATION:
        return part in name
    words = "".join(c if c.isalnum() else " " for c in name).split()
    return part in words or any(word == f"amazon{part}" for word in words)
