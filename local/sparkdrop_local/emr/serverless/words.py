"""EMR Serverless's words: the states of applications and job runs, and what it says of them.

States: https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/applications.html and
https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/job-states.html
"""

from enum import StrEnum

DEFAULT_IDLE_MINUTES = 15
DEFAULT_TIMEOUT_MINUTES = 720
MAX_TIMEOUT_MINUTES = 10_080
MIN_TIMEOUT_MINUTES = 5
# https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/jobs-spark-streaming.html
DEFAULT_FAILED_ATTEMPTS_PER_HOUR = 5
DEFAULT_STREAMING_GRACE_SECONDS = 120
# "Max concurrent vCPUs per account": a new account has 16, and asks for more
ACCOUNT_VCPUS = 1_000


class ApplicationState(StrEnum):
    """Where an application is on its way."""

    CREATING = "CREATING"
    CREATED = "CREATED"
    STARTING = "STARTING"
    STARTED = "STARTED"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"
    TERMINATED = "TERMINATED"


RESTING = (ApplicationState.CREATED, ApplicationState.STOPPED)
LIVE = (
    ApplicationState.CREATED,
    ApplicationState.STARTING,
    ApplicationState.STARTED,
    ApplicationState.STOPPING,
    ApplicationState.STOPPED,
)


class RunState(StrEnum):
    """Where a job run is on its way."""

    SUBMITTED = "SUBMITTED"
    QUEUED = "QUEUED"
    PENDING = "PENDING"
    SCHEDULED = "SCHEDULED"
    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    CANCELLING = "CANCELLING"
    CANCELLED = "CANCELLED"

    @property
    def is_final(self) -> bool:
        """Whether the job run is over."""
        return self in (RunState.SUCCESS, RunState.FAILED, RunState.CANCELLED)

    @property
    def is_waiting(self) -> bool:
        """Whether the job run has no slot of the application's concurrency yet."""
        return self in (RunState.SUBMITTED, RunState.QUEUED)


# The model has details of one character or more for every state; those of good states are not public.
DETAILS = {
    RunState.SUBMITTED: "Job run submitted.",
    RunState.QUEUED: "Job run is queued: the application's concurrency is fully occupied.",
    RunState.PENDING: "Job run is pending.",
    RunState.SCHEDULED: "Job run is scheduled.",
    RunState.RUNNING: "Job run is running.",
    RunState.SUCCESS: "Job completed successfully.",
    RunState.CANCELLING: "Job run is being cancelled.",
    RunState.CANCELLED: "Job run was cancelled by the user.",
}
MAX_DETAILS_CHARACTERS = 256
FAILED = "Job failed, please check complete logs in configured logging destination."
EXIT_CODE = " ExitCode: {code}."
LAST_EXCEPTIONS = " Last few exceptions: {message}"
# https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/job-states.html: a job run that has timed
# out is cancelled; in what words is not public
TIMED_OUT = "Job run timed out: it exceeded its execution timeout of {minutes} minutes."
QUEUE_TIMED_OUT = "Job run timed out: it exceeded the queue timeout of {minutes} minutes."
LOST_RUN = "The local EMR was stopped while the job run ran."
OVER_CAPACITY = (
    "ApplicationMaxCapacityExceededException: Worker could not be allocated as the application has exceeded "
    "maximumCapacity settings: [{limits}]"
)

NO_APPLICATION = "Application {id} does not exist"
NO_RUN = "JobRun {id} does not exist"
NO_SESSION = "Session {id} does not exist"
WRONG_STATUS = "Application {id} must be in one of the following statuses [{states}]. Current status: {state}"
BUSY = "Application {id} has job runs that are not over. Cancel them, or wait for them, before stopping it."
OVER = "JobRun {id} cannot be cancelled in state {state}."
UNSUPPORTED_ENGINE = "Unsupported engine {type}"
ONLY_SPARK = "Unsupported engine {type}: the local EMR runs Spark applications only"
UNSUPPORTED_RELEASE = (
    "Type '{type}' is not supported for release label '{label}' or release label does not exist"
)
OTHER_PARAMETERS = "Client token {token} was used before, for a request with other parameters."
OVER_QUOTA = "The request exceeds the account's quota of {vcpus} concurrent vCPUs."
INITIAL_OVER_MAXIMUM = "The initial capacity exceeds the maximum capacity: [{limits}]"
NO_SESSIONS = "Application {id} does not have interactive sessions enabled: the local EMR runs job runs only"
NO_DASHBOARD = (
    "There is no dashboard for job run {id} at this endpoint: the local EMR serves no Spark UI over its API. "
    "`sparkdrop local spark-ui` opens the history server."
)
