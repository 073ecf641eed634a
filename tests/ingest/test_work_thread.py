"""The writer's thread: one thing after the other, results on the loop that asked."""

import asyncio
import threading
import weakref

from wattkeep.ingest.work_thread import WorkThread


def fail():
    raise ValueError("no")


def test_results_and_failures_come_back_in_order_on_the_loop():
    async def scenario():
        told = []
        thread = WorkThread("test")
        done = asyncio.get_running_loop().create_future()
        thread.do(lambda: threading.current_thread().name, told.append)
        thread.do(fail, told.append)
        thread.do(lambda: 3, lambda result: done.set_result((result, threading.current_thread())))
        last = await done
        thread.end()
        return told, last

    told, last = asyncio.run(scenario())

    assert told[0] == "test"
    assert isinstance(told[1], ValueError)
    assert last == (3, threading.main_thread())


def test_an_ended_thread_starts_again():
    async def once(thread):
        done = asyncio.get_running_loop().create_future()
        thread.do(lambda: 1, done.set_result)
        return await done

    thread = WorkThread("test")
    first = asyncio.run(once(thread))
    thread.end()
    second = asyncio.run(once(thread))
    thread.end()

    assert (first, second) == (1, 1)


def test_a_loop_that_is_gone_is_not_told():
    begun, goes_on, ended = threading.Event(), threading.Event(), threading.Event()

    def work():
        begun.set()
        goes_on.wait(30)

    async def leave(thread):
        thread.do(work, print)
        await asyncio.to_thread(begun.wait, 30)

    thread = WorkThread("test")
    asyncio.run(leave(thread))
    goes_on.set()
    again = asyncio.run(_wait_for(thread, ended))
    thread.end()

    assert again


async def _wait_for(thread, ended):
    done = asyncio.get_running_loop().create_future()
    thread.do(ended.set, lambda _: done.set_result(ended.is_set()))
    return await done


def test_what_is_done_is_not_held():
    class Group:
        def commit(self):
            return 1

    async def scenario():
        group, gone = Group(), threading.Event()
        weakref.finalize(group, gone.set)
        thread = WorkThread("test")
        done = asyncio.get_running_loop().create_future()
        thread.do(group.commit, done.set_result)
        await done
        del group
        is_gone = await asyncio.to_thread(gone.wait, 60)
        thread.end()
        return is_gone

    assert asyncio.run(scenario())
