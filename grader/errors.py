"""Errors that a reader of the command line can act on."""


class SeatrialError(Exception):
    """Wrong use or damaged input; the message says what to do. The command line exits with 2."""


class SourceError(SeatrialError):
    """The source of a unit does not follow the format; one line per problem."""


class NotebookError(SeatrialError):
    """A learner's notebook cannot be read as the exercise that it should be."""


class CourseError(SeatrialError):
    """The course folder or the unit that was asked for cannot be found."""


class WorkspaceError(SeatrialError):
    """The learner's folder cannot be read or written."""


class WorkerLost(SeatrialError):
    """A worker that grades has gone; its task may be tried on another one."""
