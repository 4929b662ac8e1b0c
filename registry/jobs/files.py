"""Files of jobs on disk, sealed: an uploaded file of patients names them.

The key is derived from the identity master key and the job, so that a file cannot be read, or
passed off as another job's, without it. Uploads are deleted when their job has ended.
"""

from django.conf import settings
from django.core.files.base import ContentFile

from registry.core import crypto
from registry.jobs.models import Job


class FileGone(Exception):
    """The file of a job is not there any more, or sealed by a master key that was replaced."""


def keep(job: Job, content: bytes) -> None:
    """Store ``content`` as the job's file, sealed. The job must be saved afterwards."""
    sealed = crypto.seal(_key(job), content, bound_to=f"job:{job.pk}")
    job.file.save(f"{job.pk}.sealed", ContentFile(sealed), save=False)


def content_of(job: Job) -> bytes:
    """Return what was kept. Raises FileGone."""
    try:
        with job.file.open("rb") as file:
            return crypto.unseal(_key(job), file.read(), bound_to=f"job:{job.pk}")
    except (ValueError, FileNotFoundError, crypto.SealBroken) as error:
        raise FileGone(str(job.pk)) from error


def discard(job: Job) -> None:
    """Delete the job's file, if there is one. The job must be saved afterwards."""
    if job.file:
        job.file.delete(save=False)


def _key(job: Job) -> bytes:
    master = crypto.key_from_text(settings.IDENTITY_MASTER_KEY, name="IDENTITY_MASTER_KEY")
    return crypto.blind_index(master, "file of a job", str(job.pk))
