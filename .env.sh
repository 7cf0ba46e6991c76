cd /tmp/w/steering; export PYTHONPATH=/tmp/w/steering/.venv/src OMP_NUM_THREADS=1
