import os, time
import pika, pytest, shutil

def put(url, q, n):
    c = pika.BlockingConnection(pika.URLParameters(url)); ch = c.channel(); ch.confirm_delivery()
    ch.queue_declare(q, durable=True, arguments={"x-queue-type": "quorum"})
    for i in range(n):
        ch.basic_publish("", q, b"x%d" % i, properties=pika.BasicProperties(delivery_mode=2))
    c.close()

@pytest.mark.timeout(60)
@pytest.mark.parametrize("wait", [0, 1, 6])
def test_restart(amqp_url, queue_prefix, rabbitmq_server, eventually, wait):
    put(amqp_url, queue_prefix, 50)
    time.sleep(wait)
    rabbitmq_server.kill9()
    t = time.time(); rabbitmq_server.start(); print("start", time.time() - t)
    try:
        c = pika.BlockingConnection(pika.URLParameters(amqp_url)); ch = c.channel()
        n = 0
        for m, p, b in ch.consume(queue_prefix, inactivity_timeout=20):
            if m is None: break
            n += 1; ch.basic_ack(m.delivery_tag)
            if n == 1: print("first", time.time() - t)
            if n == 50: break
        assert n == 50
        ch.cancel(); c.close()
    except BaseException as e:
        shutil.copytree(rabbitmq_server._folder, f"/tmp/keep{wait}", dirs_exist_ok=True)
        raise
    print("data", time.time() - t)
