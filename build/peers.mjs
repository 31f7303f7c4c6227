// The programs that the tests compare Weir with, and the Debian packages that carry them. One literal table.
// As root or under CI they are installed by apt-get; WEIR_INSTALL=0 declines, and then lists what did not run.
import { spawnSync } from 'node:child_process';

/** program -> Debian package, and what is compared with it. */
export const peers = [
  { program: 'nfdump', package: 'nfdump', for: 'flow files, filters, statistics' },
  { program: 'nfpcapd', package: 'nfdump', for: 'the round trip from flows to packets to flows' },
  { program: 'tshark', package: 'tshark', for: 'frames without a fault' },
  { program: 'capinfos', package: 'wireshark-common', for: 'captures in order of time' },
  { program: 'tcpreplay', package: 'tcpreplay', for: 'replay from standard output' },
  { program: 'ip', package: 'iproute2', for: 'network namespaces of the tests' },
  { program: 'mawk', package: 'mawk', for: 'histograms and counts' },
  { program: 'goaccess', package: 'goaccess', for: 'top lists of access logs' },
  { program: 'man', package: 'man-db', for: 'the man pages' },
  { program: 'nc', package: 'netcat-openbsd', for: 'lines sent as people send them' },
  { program: 'carbon-cache', package: 'graphite-carbon', for: 'what carbon shows of the same lines' },
  { program: 'graphite-manage', package: 'graphite-web', for: 'targets, ranges and words of time as Graphite answers them' },
  { program: 'redis-server', package: 'redis-server', for: 'sorted sets taken over' },
  { program: 'zstd', package: 'zstd', for: 'zstd input' },
  { program: 'rrdtool', package: 'rrdtool', for: '.rrd files, expressions, fetch and xport' },
];

/** Whether a program is on the PATH. */
export function hasProgram(program) {
  return spawnSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }).status === 0;
}

/** Installs missing peers where that is allowed; returns a line for each that stays missing. */
export function installPeers() {
  let absent = peers.filter((peer) => !hasProgram(peer.program));
  const allowed = process.env.WEIR_INSTALL !== '0' && (process.getuid?.() === 0 || process.env.CI === 'true') && hasProgram('apt-get');
  if (absent.length > 0 && allowed) {
    const names = [...new Set(absent.map((peer) => peer.package))];
    process.stderr.write(`weir: installing the tests' peers with apt-get: ${names.join(' ')} (WEIR_INSTALL=0 declines)\n`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    // A mirror that is away for a moment, and another one that installs at the same time.
    const patience = ['-o', 'Acquire::Retries=5', '-o', 'DPkg::Lock::Timeout=600'];
    spawnSync('apt-get', ['update', '-qq', ...patience], { stdio: ['ignore', 2, 2], env });
    spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...patience, ...names], { stdio: ['ignore', 2, 2], env });
    absent = peers.filter((peer) => !hasProgram(peer.program));
  }
  return absent.map((peer) => `${peer.program} (Debian package ${peer.package}) is missing: ${peer.for}`);
}
