import CairnPlatform
import Glibc
import Synchronization
import Testing

@Suite struct DedicatedThreadTests {
    @Test func joinWaitsForTheBody() throws {
        let result = Mutex(0)
        let gate = Guarded(false)
        let shared = Box(result)
        let thread = try DedicatedThread(name: "worker") {
            gate.wait(while: { !$0 }, then: { _ in })
            shared.value.withLock { $0 += 1 }
        }
        #expect(shared.value.withLock { $0 } == 0)
        gate.update { $0 = true }
        thread.join()
        #expect(shared.value.withLock { $0 } == 1)
        thread.join()
        #expect(shared.value.withLock { $0 } == 1)
    }

    @Test func itIsAnotherThread() throws {
        let seen = Guarded<pthread_t?>(nil)
        try DedicatedThread(name: "other") { seen.update { $0 = pthread_self() } }.join()
        #expect(seen.withLock { $0 } != pthread_self())
        #expect(seen.withLock { $0 } != nil)
    }

    /// A name, and what the kernel keeps of it.
    @Test(arguments: [
        ("writer", "writer"), ("exactly15bytes!", "exactly15bytes!"), ("sixteen bytes!!!", "sixteen bytes!!"),
    ])
    func threadHasItsName(_ name: String, _ expected: String) throws {
        let seen = Guarded("")
        try DedicatedThread(name: name) {
            var buffer = [UInt8](repeating: 0, count: 64)
            let number = open("/proc/thread-self/comm", O_RDONLY | O_CLOEXEC)
            let count = read(number, &buffer, buffer.count)
            close(number)
            seen.update { $0 = String(decoding: buffer.prefix(max(count - 1, 0)), as: UTF8.self) }
        }.join()
        #expect(seen.withLock { $0 } == expected)
    }

    @Test func signalsStayWithTheOthers() throws {
        let blocked = Guarded<[Int32: Bool]>([:])
        var own = sigset_t()
        pthread_sigmask(SIG_BLOCK, nil, &own)
        try DedicatedThread(name: "signals") {
            var mask = sigset_t()
            pthread_sigmask(SIG_BLOCK, nil, &mask)
            let found = [SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGSEGV, SIGABRT].map { ($0, sigismember(&mask, $0) == 1) }
            blocked.update { $0 = Dictionary(uniqueKeysWithValues: found) }
        }.join()
        let expected = [SIGTERM: true, SIGINT: true, SIGHUP: true, SIGCHLD: true, SIGSEGV: false, SIGABRT: false]
        #expect(blocked.withLock { $0 } == expected)

        // The thread that started it has its own mask back.
        var after = sigset_t()
        pthread_sigmask(SIG_BLOCK, nil, &after)
        for signal in 1..<Int32(32) { #expect(sigismember(&own, signal) == sigismember(&after, signal)) }
    }

    @Test func threadThatNobodyJoinsRunsOn() throws {
        let (gate, done) = (Guarded(false), Guarded(false))
        do {
            _ = try DedicatedThread(name: "detached") {
                gate.wait(while: { !$0 }, then: { _ in })
                done.update { $0 = true }
            }
        }
        gate.update { $0 = true }
        done.wait(while: { !$0 }, then: { _ in })
        #expect(done.withLock { $0 })
    }

    @Test func bodyIsFreedWithTheThread() throws {
        final class Witness: Sendable {}
        weak var weakWitness: Witness?
        do {
            let witness = Witness()
            weakWitness = witness
            try DedicatedThread(name: "witness") { withExtendedLifetime(witness) {} }.join()
        }
        #expect(weakWitness == nil)
    }
}

/// A mutex that a closure can take with it.
private final class Box: Sendable {
    let value: Mutex<Int>

    init(_ value: consuming Mutex<Int>) {
        self.value = value
    }
}

@Suite struct GuardedTests {
    private struct Queue {
        var items: [Int] = []
        var producers: Int
        /// Two threads in a critical section would see this true.
        var isInside = false
    }

    /// Several threads post, one takes: nothing is lost, doubled, or reordered within a producer.
    @Test(arguments: [1, 2, 4])
    func everyItemArrivesOnceAndInOrder(_ producers: Int) throws {
        let perProducer = 2_000
        let queue = Guarded(Queue(producers: producers))
        let threads = try (0..<producers).map { producer in
            try DedicatedThread(name: "producer\(producer)") {
                for item in 0..<perProducer {
                    queue.update { queue in
                        #expect(!queue.isInside)
                        queue.isInside = true
                        queue.items.append(producer * perProducer + item)
                        queue.isInside = false
                    }
                }
                queue.update { $0.producers -= 1 }
            }
        }
        var received: [Int] = []
        while true {
            let batch = queue.wait(while: { $0.items.isEmpty && $0.producers > 0 }) { queue in
                defer { queue.items = [] }
                return queue.items
            }
            if batch.isEmpty { break }
            received += batch
        }
        for thread in threads { thread.join() }

        #expect(received.sorted() == Array(0..<producers * perProducer))
        for producer in 0..<producers {
            let own = received.filter { $0 / perProducer == producer }
            #expect(own == own.sorted())
        }
    }

    /// A bounded queue: each side waits for the other, on the same condition.
    @Test func bothSidesCanWait() throws {
        let queue = Guarded<[Int]>([])
        let count = 2_000
        let producer = try DedicatedThread(name: "producer") {
            for item in 0..<count {
                queue.wait(while: { $0.count >= 4 }, then: { $0.append(item) })
                queue.notify()
            }
        }
        var received: [Int] = []
        while received.count < count {
            received += queue.wait(while: { $0.isEmpty }) { items in
                defer { items = [] }
                return items
            }
            queue.notify()
        }
        producer.join()
        #expect(received == Array(0..<count))
    }

    @Test func notifyWakesAllThatWait() throws {
        let state = Guarded((isOpen: false, waiting: 0, passed: 0))
        let threads = try (0..<4).map { index in
            try DedicatedThread(name: "waiter\(index)") {
                var isCounted = false
                state.wait { state in
                    // Counted in the same critical section in which it goes to sleep.
                    if !isCounted { state.waiting += 1 }
                    isCounted = true
                    return !state.isOpen
                } then: {
                    $0.passed += 1
                }
            }
        }
        // Asked again and again, as nobody tells: a wake-up here could reach a waiter.
        while state.withLock({ $0.waiting }) < 4 { sched_yield() }
        #expect(state.withLock { $0.passed } == 0)
        state.withLock { $0.isOpen = true }
        state.notify()
        for thread in threads { thread.join() }
        #expect(state.withLock { $0.passed } == 4)
    }

    @Test(arguments: [Int64.min, 0])
    func deadlineInThePastDoesNotWait(_ deadline: Int64) {
        let state = Guarded(3)
        var looks = 0
        let isBlocked: (inout sending Int) -> Bool = { _ in
            looks += 1
            return true
        }
        let result = state.wait(until: deadline, while: isBlocked, then: { $0 * 2 })
        #expect(result == 6)
        #expect(looks == 1)
    }

    @Test func deadlineEndsTheWaitAndNotBefore() {
        let state = Guarded(false)
        let deadline = SystemTimeSource().monotonic() + 3_000_000
        let isDone = state.wait(until: deadline, while: { !$0 }, then: { $0 })
        #expect(!isDone)
        #expect(SystemTimeSource().monotonic() >= deadline)
    }

    @Test(arguments: [Int64.max, nil])
    func farDeadlineWaitsForTheChange(_ deadline: Int64?) throws {
        let state = Guarded(false)
        let thread = try DedicatedThread(name: "poster") { state.update { $0 = true } }
        let isDone = state.wait(until: deadline, while: { !$0 }, then: { $0 })
        #expect(isDone)
        thread.join()
    }

    @Test func errorLeavesTheLockFree() {
        let state = Guarded(1)
        let failure = IOFailure(operation: "o", path: "p", code: EIO)
        #expect(throws: failure) { try state.withLock { (_) throws(IOFailure) in throw failure } }
        #expect(throws: failure) { try state.update { (_) throws(IOFailure) in throw failure } }
        #expect(throws: failure) {
            try state.wait(while: { _ in false }, then: { (_) throws(IOFailure) in throw failure })
        }
        #expect(state.withLock { $0 } == 1)
    }

    @Test func stateNeedNotBeCopyable() {
        struct Unique: ~Copyable {
            var count = 0
        }
        let state = Guarded(Unique())
        state.update { $0.count += 5 }
        #expect(state.withLock { $0.count } == 5)
    }
}
