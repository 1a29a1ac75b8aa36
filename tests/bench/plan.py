"""How much is measured: the full run, and a quick one that only shows that everything works."""


class Full:
    warm_up = 4.0  # seconds; of each ZooKeeper server
    window = 5.0
    throughput = [(1, 1, 'process'), (1, 8, 'process'), (1, 32, 'process'), (1, 128, 'process'),
                  (1, 1, 'shared'), (1, 8, 'shared'), (1, 32, 'shared'), (1, 128, 'shared'),
                  (2, 1, 'shared'), (2, 8, 'shared'), (2, 32, 'shared'), (2, 128, 'shared'),
                  (4, 1, 'shared'), (4, 8, 'shared'), (4, 32, 'shared'), (4, 128, 'shared'),
                  (4, 8, 'process')]
    memory_slots = 32
    submitted = 5000
    idle_seconds = 4.0
    many_slots = 1000
    many_seconds = 30.0
    ceiling_seconds = 1.0
    queue_takers = [1, 32, 256, 1000]
    queue_seconds = 2.5
    batches = [1, 10, 50, 100]
    raw_in_flight = [64, 512, 4096]  # jobs; as many lanes as that needs
    raw_seconds = 1.0
    latency_samples = 300
    latency_rate = 40.0        # submissions a second
    half_load_seconds = 4.0
    backlogs = [0, 100, 10_000, 100_000, 1_000_000]
    backlog_samples = 1200     # longer than two rounds of the queue keeper
    most_fill_seconds = 200.0  # for a backlog; a larger one is left out
    crowd = [1, 2, 5, 10, 20, 50]
    crowd_rate = 100.0
    crowd_jobs = 400
    crowd_waiting = 2000
    idle_puts = 60
    idle_rate = 20.0
    python_seconds = 8.0


class Quick(Full):
    warm_up = 0.2
    window = 1.0
    throughput = [(1, 8, 'process'), (2, 8, 'shared')]
    memory_slots = 8
    submitted = 200
    idle_seconds = 0.5
    many_slots = 50
    many_seconds = 10.0
    ceiling_seconds = 0.05
    queue_takers = [32]
    queue_seconds = 0.5
    batches = [1, 10]
    raw_in_flight = [64]
    raw_seconds = 0.2
    latency_samples = 20
    half_load_seconds = 1.0
    backlogs = [0, 100, 500]
    backlog_samples = 40
    most_fill_seconds = 20.0
    crowd = [1, 3]
    crowd_jobs = 60
    crowd_waiting = 200
    idle_puts = 10
    python_seconds = 3.0
