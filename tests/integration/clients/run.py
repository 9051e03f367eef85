# SPDX-License-Identifier: Apache-2.0
"""node-redis, ioredis, hiredis, redis-cli and redis-benchmark against a primary, each with its defaults.

    run.py HIREDIS_CLIENT NODE_DIRECTORY      (the directory keeps node_modules between runs)
"""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from support.daemons import Primary  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))


def run(*command, **options):
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, **options)
    assert result.returncode == 0, f"{command[0]}: {result.stdout}{result.stderr}"
    return result.stdout


def node_clients(port, directory):
    os.makedirs(directory, exist_ok=True)
    for name in ("package.json", "clients.js"):
        shutil.copy(os.path.join(HERE, name), directory)
    if not os.path.isdir(os.path.join(directory, "node_modules", "ioredis")):
        run("npm", "install", "--no-audit", "--no-fund", "--silent", cwd=directory)
    print(run("node", "clients.js", str(port), cwd=directory), end="")


def redis_tools(port):
    cli = ("redis-cli", "-p", str(port))
    assert run(*cli, "SET", "c:key", "value") == "OK\n"
    assert run(*cli, "GET", "c:key") == "value\n"
    assert run(*cli, "-3", "GET", "c:none") == "\n"
    assert "redis_version:7." in run(*cli, "INFO", "server")
    assert run(*cli, "--scan", "--pattern", "c:*") == "c:key\n"
    assert "Biggest string found '\"c:key\"' has 5 bytes" in run(*cli, "--bigkeys")
    output = run("redis-benchmark", "-p", str(port), "-n", "2000", "-q", "-t",
                 "ping,set,get,incr,mset")
    assert output.count("requests per second") >= 6, output
    print("redis-cli and redis-benchmark ok")


def main():
    hiredis, node_directory = sys.argv[1:]
    primary = Primary().start()
    try:
        redis_tools(primary.port)
        print(run(hiredis, str(primary.port)), end="")
        node_clients(primary.port, node_directory)
    finally:
        primary.stop()
    primary.remove()


if __name__ == "__main__":
    main()
