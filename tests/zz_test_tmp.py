import os, time
import psycopg, pika, pytest, dramatiq

def test_db(database_url):
    with psycopg.connect(database_url) as c:
        print(c.execute("select count(*) from pg_tables where schemaname='public'").fetchone())
@pytest.mark.parametrize("i", range(5))
def test_db2(database_url, i):
    pass
def test_durable(durable_database_url, durable_postgres_server):
    with psycopg.connect(durable_database_url) as c:
        c.execute("create table t(x int); insert into t values (1)")
    durable_postgres_server.kill9(); durable_postgres_server.start()
    with psycopg.connect(durable_database_url) as c:
        assert c.execute("select x from t").fetchone() == (1,)
        assert c.execute("show fsync").fetchone() == ("on",)

def put(url, q, n):
    c = pika.BlockingConnection(pika.URLParameters(url)); ch = c.channel(); ch.confirm_delivery()
    ch.queue_declare(q, durable=True, arguments={"x-queue-type": "quorum"})
    for i in range(n):
        ch.basic_publish("", q, b"x%d" % i, properties=pika.BasicProperties(delivery_mode=2))
    c.close()
def count(url, q):
    c = pika.BlockingConnection(pika.URLParameters(url)); ch = c.channel()
    try:
        return ch.queue_declare(q, durable=True, passive=True).method.message_count
    finally: c.close()
def test_quorum(amqp_url, queue_prefix, eventually):
    put(amqp_url, queue_prefix, 100)
    eventually(lambda: count(amqp_url, queue_prefix) == 100)
@pytest.mark.parametrize("how", ["stop", "kill9"])
def test_restart(amqp_url, queue_prefix, rabbitmq_server, eventually, how):
    put(amqp_url, queue_prefix, 50)
    t = time.time(); getattr(rabbitmq_server, how)(); print("down", time.time() - t)
    t = time.time(); rabbitmq_server.start(); print("start", time.time() - t)
    c = pika.BlockingConnection(pika.URLParameters(amqp_url)); ch = c.channel()
    n = 0
    for m, p, b in ch.consume(queue_prefix, inactivity_timeout=20):
        if m is None: break
        n += 1; ch.basic_ack(m.delivery_tag)
        if n == 1: print("first", time.time() - t)
        if n == 50: break
    assert n == 50
    ch.cancel(); c.close()
    print("data", time.time() - t)
    print(sorted(os.listdir("/tmp")))
