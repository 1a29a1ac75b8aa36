#!/usr/bin/python3
"""Nuvla's Python executor, unchanged but for one thing: its dummy_test_action, which sleeps for 3 to 30 s, returns at once.

usage: python_executor.py ENGINE_SOURCES CLIENT_SOURCES OPTION-OF-THE-EXECUTOR…
"""
import sys

sys.dont_write_bytecode = True
sources, sys.argv = sys.argv[1:3], [sys.argv[0], *sys.argv[3:]]
sys.path[0:1] = sources

import nuvla  # noqa: E402  both sources hold a part of this package

nuvla.__path__ = [f'{folder}/nuvla' for folder in sources]

from nuvla.job_engine.job.actions import get_action  # noqa: E402
from nuvla.job_engine.job.base import main  # noqa: E402
from nuvla.job_engine.job.executor.executor import Executor  # noqa: E402

get_action('dummy_test_action').work_hard = staticmethod(lambda: None)
main(Executor)
