#!/usr/bin/python3
"""The sums of the benchmark, and how it reads what the kernel and ZooKeeper say."""
import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[0:0] = [HERE, os.path.join(os.path.dirname(HERE), 'chaos')]

import arithmetic  # noqa: E402
import readings  # noqa: E402
from figures import Figures, fill, said  # noqa: E402
from targets import add_targets  # noqa: E402

SOCKETS = '''0      0            127.0.0.1:20307      127.0.0.1:40110
\t cubic wscale:7,7 rto:204 mss:32768 bytes_sent:900 bytes_retrans:100 bytes_acked:801 bytes_received:45 segs_out:9
0      0            127.0.0.1:20307      127.0.0.1:40112
\t cubic wscale:7,7 rto:204 bytes_sent:16 bytes_acked:17 bytes_received:5
'''


class ArithmeticTest(unittest.TestCase):
    def test_quantile_is_a_value_that_occurred(self):
        values = [float(value) for value in range(100, 0, -1)]
        self.assertEqual(arithmetic.quantile(values, 0.5), 51)
        self.assertEqual(arithmetic.quantile(values, 0.99), 100)
        self.assertEqual(arithmetic.quantile(values, 1), 100)
        self.assertEqual(arithmetic.quantile([7.0], 0.01), 7)
        self.assertEqual(arithmetic.quantile([], 0.5), 0)

    def test_timestamps_across_midnight(self):
        times = arithmetic.waiting_times([
            {'created': '2026-11-20T23:59:59.990Z', 'started': '2026-11-21T00:00:00.015Z'},
            {'created': '2026-11-21T00:00:00.000Z'}])
        self.assertEqual([round(time) for time in times], [25])

    def test_rate_leaves_out_the_time_after_the_last_growth(self):
        self.assertEqual(arithmetic.rate([(0, 100), (1, 300), (2, 500), (3, 500), (4, 500)]), 200)
        self.assertEqual(arithmetic.rate([(0, 5), (1, 5)]), 0)
        self.assertEqual(arithmetic.rate([]), 0)

    def test_batches(self):
        # 1000 jobs: 10 multis of 100 puts, 100 of 10 takes, 100 of 10 consumes.
        counters = {'multis': 210, 'puts': 1000, 'takes': 1000, 'consumes': 1000}
        self.assertEqual(arithmetic.mean_batch(counters, 100), 10)
        self.assertEqual(arithmetic.mean_batch({}, 100), 0)

    def test_spread_and_difference(self):
        self.assertAlmostEqual(arithmetic.spread([100, 110, 105]), 0.1)
        self.assertIsNone(arithmetic.spread([]))
        self.assertEqual(arithmetic.difference({'a': 5, 'b': 2}, {'a': 3}), {'a': 2, 'b': 2})

    def test_bytes_of_sockets_are_those_that_arrived(self):
        self.assertEqual(readings.parsed_sockets(SOCKETS), {'sent': 818, 'received': 50})

    def test_metrics_are_summed_over_labels(self):
        parsed = readings.parsed_metrics('# TYPE a counter\na{b="x"} 1\na{b="y"} 2.5\nc 4\n')
        self.assertEqual(parsed, {'a': 3.5, 'a{b="x"}': 1, 'a{b="y"}': 2.5, 'c': 4})

    def test_monitor(self):
        self.assertEqual(readings.parsed_monitor('zk_version\t3.8.0\nzk_packets_sent\t12\n'), {'zk_packets_sent': 12})

    def test_own_process_is_read(self):
        self.assertGreater(readings.memory_kb(os.getpid()), 1000)
        self.assertGreater(readings.cpu_seconds(os.getpid()), 0)
        self.assertEqual(readings.memory_kb(2 ** 30), 0)

    def test_figures_know_their_ceiling(self):
        with tempfile.TemporaryDirectory() as folder:
            figures = Figures(folder, 'test')
            figures.add('queue_only', takers=3, value=70.0, ceiling=100.0)
            self.assertEqual(figures.value('queue_only', takers=3), 70)
            self.assertIsNone(figures.value('queue_only', takers=4))
            self.assertAlmostEqual(figures.rows[0]['ratio'], 0.7)
            self.assertIn('| 3 | 70 | 100 | 0.7 |', figures.tables())
            figures.close()
        self.assertEqual(said('a | b\nc'), 'a / b c')

    def test_tables_go_between_the_marks(self):
        with tempfile.TemporaryDirectory() as folder:
            text = os.path.join(folder, 'README.md')
            with open(text, 'w', encoding='utf-8') as file:
                file.write('a\n<!-- figures -->\nold\n<!-- /figures -->\nb\n')
            for tables in ('new\n', 'newer\n'):
                fill(text, tables)
            with open(text, encoding='utf-8') as file:
                self.assertEqual(file.read(), 'a\n<!-- figures -->\nnewer\n<!-- /figures -->\nb\n')
            with open(text, 'w', encoding='utf-8') as file:
                file.write('no marks')
            self.assertRaises(ValueError, fill, text, 'x')

    def test_targets_are_judged_by_what_was_measured(self):
        with tempfile.TemporaryDirectory() as folder:
            figures = Figures(folder, 'test')
            figures.add('queue_only', takers=1, value=5000.0, ceiling=5000.0)
            figures.add('queue_only', takers=256, value=12000.0, ceiling=20000.0)
            figures.add('wake_ups', takers=1, value=1.0)
            figures.add('wake_ups', takers=50, value=3.5)
            add_targets(figures)
            self.assertEqual([row['reached'] for row in figures.of('target')], [True, False, False])
            figures.close()


if __name__ == '__main__':
    unittest.main()
