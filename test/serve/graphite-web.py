# A Whisper tree and the real graphite-web over it, for graphite-web.test.mjs: `python3 graphite-web.py FOLDER NOW` writes `FOLDER/whisper`, answers on a
# free port of the loopback and prints it.
import math, os, random, sys

folder, now = sys.argv[1], int(sys.argv[2])
root = os.path.join(folder, 'whisper')
random.seed(7)

import whisper

clock = whisper.time.time
whisper.time.time = lambda: now


def series(name, archives, method, factor, value, count, step):
    path = os.path.join(root, name.replace('.', '/') + '.wsp')
    os.makedirs(os.path.dirname(path), exist_ok=True)
    whisper.create(path, [whisper.parseRetentionDef(one) for one in archives.split(',')], xFilesFactor=factor, aggregationMethod=method)
    points = [(now - index * step, value(count - index)) for index in range(count)]
    known = [point for point in points if point[1] is not None]
    if known:
        whisper.update_many(path, known)


week, two = '60s:1d,300s:7d', '60s:2d'
series('app.a1.cpu.user', week, 'average', 0.5, lambda i: 50 + 20 * math.sin(i / 37) + random.random() if i % 17 else None, 10000, 60)
series('app.a2.cpu.user', week, 'average', 0.5, lambda i: random.randint(0, 100), 10000, 60)
series('app.a10.cpu.user', week, 'average', 0.0, lambda i: 10 + i % 7, 4000, 60)
series('app.a1.cpu.system', week, 'average', 0.5, lambda i: 5 + i % 13 / 3 if (i // 100) % 4 else None, 10000, 60)
series('app.a2.cpu.system', week, 'average', 0.5, lambda i: random.uniform(0, 10), 10000, 60)
series('app.a1.req.count', '10s:6h,60s:2d', 'sum', 0.0, lambda i: random.randint(0, 20), 17280, 10)
series('app.a2.req.count', '10s:6h,60s:2d', 'sum', 0.0, lambda i: random.randint(0, 20) if i % 5 == 0 else None, 17280, 10)
series('app.a1.net.bytes', two, 'max', 0.0, lambda i: (i * 1234567) % 4294967296, 2880, 60)
series('app.a2.net.bytes', two, 'max', 0.0, lambda i: i * 1000 if i % 50 else None, 2880, 60)
series('app.a1.lat.p99', '300s:2d', 'last', 0.0, lambda i: random.expovariate(0.01), 576, 300)
series('app.a2.lat.p99', '90s:2d', 'min', 0.0, lambda i: random.expovariate(0.01), 1900, 90)
series('neg.x', two, 'average', 0.0, lambda i: -5 + i % 11, 2880, 60)
series('neg.y', two, 'average', 0.0, lambda i: -1000.5 + i if i % 3 else None, 2880, 60)
series('zero.a', two, 'average', 0.0, lambda i: 0, 2880, 60)
series('zero.b', two, 'average', 0.0, lambda i: 0 if i % 2 else 4, 2880, 60)
series('empty.e', two, 'average', 0.0, lambda i: None, 0, 60)
series('const.c', two, 'average', 0.0, lambda i: 42, 2880, 60)
series('sparse.s', two, 'average', 0.0, lambda i: i if i % 97 == 0 else None, 2880, 60)
series('old.o', two, 'average', 0.0, lambda i: i if i < 1500 else None, 2880, 60)
series('Mixed.Case-Name.cpu_1', two, 'average', 0.0, lambda i: i % 100, 2880, 60)
for number in (1, 2, 3, 10, 20):
    series('srt.n%d' % number, two, 'average', 0.0, lambda i: (i * number) % 23 + number, 2880, 60)
series('big.v', two, 'average', 0.0, lambda i: 1e15 + i * 1e9, 2880, 60)
series('frac.f', two, 'average', 0.0, lambda i: 1 / (i + 1), 2880, 60)
for name, every in (('us.web1.hits', 10), ('us.web2.hits', 20), ('eu.web1.hits', 30), ('us.web1.errs', 3), ('us.web2.errs', 4), ('ap.web9.errs', 5)):
    series('site.' + name, two, 'sum', 0, lambda i: i % every, 2880, 60)

whisper.time.time = clock
with open(os.path.join(folder, 'weir_peer_settings.py'), 'w') as file:
    file.write(f'''
from graphite.settings import *
SECRET_KEY = 'test'
STORAGE_DIR = LOG_DIR = CONF_DIR = {folder!r}
WHISPER_DIR = {root!r}
STANDARD_DIRS = [WHISPER_DIR]
INDEX_FILE = {folder!r} + '/index'
CARBONLINK_HOSTS = MEMCACHE_HOSTS = []
TIME_ZONE = 'UTC'
ALLOWED_HOSTS = ['*']
DATABASES = {{'default': {{'NAME': {folder!r} + '/graphite.db', 'ENGINE': 'django.db.backends.sqlite3'}}}}
CACHES = {{'default': {{'BACKEND': 'django.core.cache.backends.dummy.DummyCache'}}}}
LOG_FILE_INFO = LOG_FILE_EXCEPTION = LOG_FILE_CACHE = LOG_FILE_RENDERING = '-'
''')
sys.path.insert(0, folder)
os.environ['DJANGO_SETTINGS_MODULE'] = os.environ['GRAPHITE_SETTINGS_MODULE'] = 'weir_peer_settings'

from wsgiref.simple_server import WSGIRequestHandler, make_server

from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
call_command('migrate', run_syncdb=True, verbosity=0)


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


server = make_server('127.0.0.1', 0, application, handler_class=Quiet)
print(server.server_port, flush=True)
server.serve_forever()
