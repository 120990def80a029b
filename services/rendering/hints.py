"""What an excess of a service often is: a fixed table, no guess about this one."""

HINTS: tuple[tuple[str, str], ...] = (
    ("ec2", "Often a test left running, or an instance size that was changed."),
    ("compute cloud", "Often a test left running, or an instance size that was changed."),
    ("s3", "Often copies without a lifecycle rule, or many requests of one job."),
    ("storage service", "Often copies without a lifecycle rule, or many requests of one job."),
    ("rds", "Often a larger instance, a snapshot that was restored, or storage that grew."),
    ("relational database", "Often a larger instance, or a snapshot that was restored."),
    ("lambda", "Often a function that calls itself, or retries of failing calls."),
    ("cloudwatch", "Often logs at debug level, or metrics with many dimensions."),
    ("dynamodb", "Often a scan in a loop, or capacity raised for a test."),
    ("bedrock", "Often a new use of a model, or longer prompts."),
    ("sagemaker", "Often an endpoint or a notebook left running."),
    ("nat", "Often traffic that a gateway endpoint would carry for less."),
    ("data transfer", "Often traffic between regions or zones."),
    ("cloudfront", "Often a busy day, or a cache that was switched off."),
    ("redshift", "Often a cluster that was not paused."),
    ("eks", "Often a node group that scaled up and not down."),
    ("ecs", "Often a service that scaled up and not down."),
)


def hint(service: str) -> str:
    """A sentence that begins with "Often", or nothing."""
    name = service.casefold()
    return next((words for part, words in HINTS if _holds(name, part)), "")


def _holds(name: str, part: str) -> bool:
    """Short names only as words of their own: "nat" is not in "coordinator"."""
    if len(part) > 4:  # noqa: PLR2004 - letters
        return part in name
    words = "".join(c if c.isalnum() else " " for c in name).split()
    return part in words or any(word == f"amazon{part}" for word in words)
