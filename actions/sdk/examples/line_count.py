import jobengine


def count(job):
    files = job.payload['files']
    state = job.checkpoint or {'done': 0, 'lines': 0}
    for number in range(state['done'], len(files)):
        if job.stop_requested:
            job.fail(f'stopped after {number} files')
        with open(files[number], encoding='utf-8', errors='replace') as stream:
            lines = sum(1 for _ in stream)
        job.log(f'{files[number]}: {lines}')
        state = {'done': number + 1, 'lines': state['lines'] + lines}
        job.save_checkpoint(state)
        job.progress(100 * state['done'] / len(files))
    job.status(f'{state["lines"]} lines')


jobengine.run(count)
