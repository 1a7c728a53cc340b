"""A process that takes its time, in a module that the workers of a cluster can import too."""

import os
import signal
import time

from tests.studies.line import Line


class SlowLine(Line):
    """The line, with a pause at each call of the model."""

    def __init__(self, pause: float = 0.02):
        super().__init__()
        self.pause = pause

    def denoise(self, y, level, key, n=1, to=None):
        time.sleep(self.pause)
        return super().denoise(y, level, key, n, to)


class Deadly(SlowLine):
    """Takes the worker's whole process with it at one level."""

    def denoise(self, y, level, key, n=1, to=None):
        if level == 2.0:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().denoise(y, level, key, n, to)
