import CairnPlatform
import Foundation
import Glibc
import Testing

extension EndToEnd {
    /// Many clients, and clients that behave badly: the others are served, and nothing of them stays behind.
    @Suite struct ManyConnectionsTests {
        /// What the daemon may need at most, whoever connects: its queue (64 MiB) and as much again for itself.
        private static let memoryBound = 192 << 20

        private func event(_ action: String) -> String { "{\"action\":\"\(action)\",\"module\":\"m\"}\n" }

        /// The test needs a descriptor for each client, and so does the daemon, which inherits the limit.
        private func raiseDescriptorLimit(to count: Int) throws {
            var limit = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            guard limit.rlim_cur < rlim_t(count) else { return }
            limit.rlim_cur = min(limit.rlim_max, rlim_t(count))
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            try #require(limit.rlim_cur >= rlim_t(count), "the hard limit of open files is \(limit.rlim_max)")
        }

        /// Descriptors while nothing happens, after everything has happened once: some are made when first needed.
        private func restingDescriptors(_ daemon: DaemonProcess) throws -> Int {
            let client = try daemon.acknowledged()
            try converse(client, "warm", count: 1)
            daemon.signal(SIGUSR1)
            try eventually("a segment is sealed") { daemon.place.stored.sealCount == 1 }
            client.finish()
            #expect(try client.line() == nil)
            // The control client of the question and the file of a head go too.
            var counts: [Int] = []
            try eventually("it rests") {
                counts.append(try daemon.descriptors())
                return counts.count > 50 && Set(counts.suffix(50)).count == 1
            }
            return try #require(counts.last)
        }

        /// Sends events one by one, each when the one before is answered.
        private func converse(_ client: EventClient, _ action: String, count: Int) throws {
            for _ in 0..<count {
                try client.send(event(action))
                let answer = try client.answer(within: 20)
                try #require(answer?.lines == 1, "\(String(describing: answer))")
            }
        }

        @Test func aThousandClientsAtOnce() throws {
            let (count, events) = (1000, 10)
            try raiseDescriptorLimit(to: count + 200)
            let daemon = try DaemonProcess()
            let descriptors = try restingDescriptors(daemon)
            var clients = try (0..<count).map { _ in try daemon.plain() }
            for (number, client) in clients.enumerated() {
                try client.send("{\"_hello\":{\"ack\":true}}\n" + String(repeating: event("\(number)"), count: events))
            }
            for client in clients {
                guard case .hello? = try client.answer() else { throw Timeout(description: "no hello") }
                var answered = 0
                while answered < events { answered += try #require(try client.answer()).lines }
                #expect(answered == events)
            }
            #expect(try daemon.ask("status")["connections"] as? Int == count)
            #expect(try daemon.peakMemory() < Self.memoryBound)
            clients.removeAll()
            try eventually("all descriptors are closed") { try daemon.descriptors() <= descriptors }
            let stored = try daemon.stop().ours
            let others = stored.filter { $0.string + "\n" != event("warm") }
            let perClient = Dictionary(grouping: others, by: \.string).mapValues(\.count)
            #expect(perClient.count == count && perClient.values.allSatisfy { $0 == events })
            try daemon.place.stored.expectVerified()
        }

        /// Sends a byte every 50 ms to each client, until it is told to stop or has sent all.
        private final class Drip: Sendable {
            private let isOver = Guarded(false)
            private let thread: DedicatedThread

            init(_ clients: [EventClient], _ text: String) throws {
                thread = try DedicatedThread(name: "drip") { [isOver] in
                    for byte in text.utf8 where !isOver.withLock({ $0 }) {
                        for client in clients { try? client.send([byte]) }
                        usleep(50_000)
                    }
                }
            }

            func stop() {
                isOver.withLock { $0 = true }
                thread.join()
            }
        }

        @Test func badClientsDisturbNobody() throws {
            let each = 20
            let daemon = try DaemonProcess(nil, ["--limits-connection-bytes", "512KiB"])
            let descriptors = try restingDescriptors(daemon)
            let hello = "{\"_hello\":{\"ack\":true}}\n"
            var clients: [EventClient] = []
            func connect() throws -> [EventClient] {
                let new = try (0..<each).map { _ in try daemon.plain() }
                clients += new
                return new
            }
            _ = try connect()  // They say nothing.
            for client in try connect() {
                try client.send(hello + String(repeating: event("closed"), count: 5))
                client.finish()
            }
            for client in try connect() { try client.send(hello + event("half") + "{\"action\":\"ha") }
            for _ in 0..<each {
                // Gone before the answers come.
                try daemon.plain().send(hello + String(repeating: event("gone"), count: 50))
            }
            let dripping = try Drip(try connect(), event("drip") + event("drip"))
            var deaf = try connect()
            // Each is answered with as many bytes, all together more than the daemon takes of one client.
            let token = String(repeating: "x", count: 1000)
            let flood = Array(String(repeating: "{\"_sync\":\"\(token)\"}\n", count: 8000).utf8)
            var rest = deaf.map { _ in (Array(hello.utf8) + flood)[...] }
            var waits = 0
            while waits < 50, rest.contains(where: { !$0.isEmpty }) {
                var count = 0
                for (index, client) in deaf.enumerated() where !rest[index].isEmpty {
                    let sent = try client.sendAvailable(rest[index])
                    rest[index] = rest[index].dropFirst(sent)
                    count += sent
                }
                waits = count == 0 ? waits + 1 : 0
                if count == 0 { usleep(10_000) }
            }
            #expect(rest.allSatisfy { !$0.isEmpty }, "who takes no answers is held back")
            let clock = ContinuousClock()
            let start = clock.now
            try converse(try daemon.acknowledged(), "normal", count: 200)
            #expect(clock.now - start < .seconds(20))
            #expect(try daemon.peakMemory() < Self.memoryBound)
            dripping.stop()
            clients.removeAll()
            deaf.removeAll()
            try eventually("all descriptors are closed") { try daemon.descriptors() <= descriptors }
            let stored = try daemon.stop().ours
            func count(_ action: String) -> Int {
                stored.count { $0.string + "\n" == event(action) }
            }
            #expect(count("normal") == 200)
            #expect(count("closed") == each * 5 && count("half") == each && count("gone") == each * 50)
            // The half is kept as what it is.
            #expect(stored.count { $0.rejection?.keeps(Array("{\"action\":\"ha".utf8)) == true } == each)
            try daemon.place.stored.expectVerified()
        }

        /// Its answer cannot be written any more, and what it sent behind the hello counts all the same.
        @Test func aClientMayBeGoneBeforeItsHelloIsAnswered() throws {
            let daemon = try DaemonProcess()
            // Stopped, so that it finds all of it at once.
            daemon.signal(SIGSTOP)
            for _ in 0..<10 { try daemon.plain().send("{\"_hello\":{\"ack\":true}}\n" + event("gone")) }
            daemon.signal(SIGCONT)
            try converse(try daemon.acknowledged(), "other", count: 1)
            #expect(try daemon.stop().ours.count == 11)
        }

        /// Clients take every descriptor that the daemon gives them: it keeps those that it needs for the log itself.
        @Test(arguments: [80, 120]) func clientsCannotTakeTheLastDescriptors(_ limit: Int) throws {
            let daemon = try DaemonProcess(nil, wrapper: ["sh", "-c", "ulimit -n \(limit); exec \"$@\"", "sh"])
            let first = try daemon.acknowledged()
            try converse(first, "first", count: 1)
            let resting = try restingDescriptors(daemon)
            var clients = try (0..<150).map { _ in try daemon.plain() }
            for client in clients { try client.send(event("a")) }
            var control = try (0..<40).map { _ in try EventClient(daemon.place.control) }
            let clock = ContinuousClock()
            let (start, time) = (clock.now, try daemon.processorTime())
            // Longer than the interval of the heads, which are new files, as those of a rotation are.
            for round in 2...4 {
                daemon.signal(SIGUSR1)
                try eventually("segment \(round) is sealed") { daemon.place.stored.sealCount == round }
                try converse(first, "first", count: 5)
                usleep(1_000_000)
            }
            let share = try (daemon.processorTime() - time) / ((clock.now - start) / .seconds(1))
            #expect(share < 0.5, "it spins")
            #expect(try daemon.descriptors() < limit)
            #expect(!daemon.hasEnded)
            // Who is in goes, and who waits comes in.
            clients.removeAll()
            control.removeAll()
            try eventually("all were served") {
                try daemon.ask("status")["connections"] as? Int == 1 && daemon.descriptors() <= resting
            }
            let stored = try daemon.stop().ours
            #expect(stored.count { $0.string + "\n" == event("a") } == 150)
            #expect(stored.count { $0.string + "\n" == event("first") } == 16)
            #expect(daemon.errors.contains("LimitNOFILE="))
            try daemon.place.stored.expectVerified()
        }

        /// Those who wait outside when the daemon stops are heard too.
        @Test func whoWaitsForADescriptorIsHeardAtTheEnd() throws {
            let daemon = try DaemonProcess(nil, wrapper: ["sh", "-c", "ulimit -n 80; exec \"$@\"", "sh"])
            let clients = try (0..<100).map { _ in try daemon.plain() }
            for client in clients { try client.send(event("a")) }
            #expect(try daemon.stop().ours.count == 100)
            try daemon.place.stored.expectVerified()
        }
    }
}
