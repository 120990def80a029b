"""Email over SMTP, driven stage by stage.

One call that sends a message (``sendmail``) cannot tell whether the body had begun to leave when it
failed, and that decides whether it is safe to send again.
"""

from services.adapters.smtp.transport import SmtpTimeouts, SmtpTransport

__all__ = ["SmtpTimeouts", "SmtpTransport"]
