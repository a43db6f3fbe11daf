import CairnPlatform
import Foundation
import Glibc
import Testing

extension EndToEnd {
    /// Each system call on the files of the log fails once, or the process is killed in front of it: what was
    /// acknowledged is there, and both verifiers say VERIFIED. `CAIRN_LONG=1`: every occurrence of every call.
    @Suite(.enabled(if: Environment.canTrace, "it takes strace(1), and the permission to trace, to inject faults"))
    struct SyscallFaultTests {
        /// What one kind of test has come to.
        private struct Totals {
            var runs = 0
            var faults = 0
            var acknowledged = 0
            var lost = 0
            var ends: [String: Int] = [:]

            mutating func add(_ end: ChildProcess.End, faults: Int, acknowledged: Int, lost: Int) {
                runs += 1
                self.faults += faults
                self.acknowledged += acknowledged
                self.lost += lost
                ends["\(end)", default: 0] += 1
            }

            func print(_ title: String) {
                let ends = ends.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
                Swift.print(
                    "\(title): \(runs) runs, \(faults) faults injected, \(acknowledged) acknowledged events, "
                        + "lost: \(lost) (\(ends))")
            }
        }

        /// A head is written by a rotation and at the end only, so that each run makes the same calls.
        private static let flags = ["--segment-max-bytes", "64KiB", "--head-interval", "60s"]

        /// What a fault may bring about: the daemon goes on, or says that the disk failed.
        private func expectEnd(
            _ end: ChildProcess.End, _ kind: Fault.Kind, _ daemon: DaemonProcess, _ comment: Comment
        ) {
            let isOver = daemon.errors.contains("the log cannot be written any more")
            switch kind {
            case .interruption: #expect(end == .exited(0), comment)
            case .kill: #expect(end == .signalled(SIGKILL) || end == .exited(0), comment)
            case .io, .space: #expect(end == .exited(isOver ? 74 : 0), comment)
            }
        }

        /// First or middle occurrence for each of the kinds of fault, or every occurrence in the long run.
        private func sample(_ counts: [String: Int]) -> [Fault] {
            counts.sorted { $0.key < $1.key }.flatMap { call, count -> [Fault] in
                if Environment.isLong {
                    let kinds = Fault.Kind.allCases.filter { kind in
                        kind != .interruption || SystemCallTrace.interruptible.contains(call)
                    }
                    return (1...count).flatMap { number in kinds.map { Fault(call, $0, number) } }
                }
                let middle = (count + 1) / 2
                return [Fault(call, .io, 1), Fault(call, .space, middle), Fault(call, .kill, middle)]
            }
        }

        // MARK: While events are written

        private let workload = Workload("w", rounds: 6)

        private func run(_ fault: Fault?, _ totals: inout Totals) throws -> [String: Int] {
            let comment = Comment(rawValue: fault?.description ?? "no fault")
            let place = try DaemonProcess.Place()
            let daemon = try DaemonProcess(place, Self.flags)
            let trace = try SystemCallTrace(daemon, fault)
            let acknowledged = try workload.run(daemon)
            daemon.signal(SIGTERM)
            let end = try daemon.end(within: 60)
            expectEnd(end, fault?.kind ?? .interruption, daemon, comment)
            let injected = try fault?.kind == .kill ? (end == .exited(0) ? 0 : 1) : trace.injected(of: daemon)
            if Environment.isLong { try place.stored.expectVerified(comment) }
            let lost = try place.expectIntact([workload], acknowledged, flags: Self.flags, comment)
            totals.add(end, faults: injected, acknowledged: acknowledged.count, lost: lost)
            return try trace.counts(of: daemon)
        }

        @Test func aFailedCallLosesNothing() throws {
            var totals = Totals()
            let counts = try run(nil, &totals)
            // Otherwise it is not the write path that was watched.
            for call in ["openat", "write", "fdatasync", "fsync", "renameat", "unlinkat", "close", "newfstatat"] {
                #expect(counts[call, default: 0] > 1, "\(counts)")
            }
            #expect(totals.acknowledged == workload.lines.joined().count)
            for fault in sample(counts) { _ = try run(fault, &totals) }
            totals.print("faults while events are written")
            #expect(totals.faults > totals.runs / 2)
        }

        /// Many faults in one run: a signal at every second call, and a disk that is full at every fifth.
        @Test(arguments: [
            Fault(SystemCallTrace.interruptible.joined(separator: ","), .interruption, "1+2"),
            Fault("openat,write,renameat", .space, "4+9"),
            // After a failed sync of a segment it must not go on; before that, a few succeed.
            Fault("fsync,fdatasync", .space, "5+3"), Fault("fsync,fdatasync", .io, "9+1"),
        ])
        func manyFailedCallsLoseNothing(_ fault: Fault) throws {
            var totals = Totals()
            _ = try run(fault, &totals)
            totals.print("many faults, \(fault)")
            #expect(totals.faults > 0)
            if fault.kind == .interruption { #expect(totals.acknowledged == workload.lines.joined().count) }
        }

        /// What fails while the daemon stops is not lost in a good exit code.
        @Test func aFailureAtTheEndIsSaid() throws {
            let daemon = try DaemonProcess(nil, Self.flags)
            let client = try daemon.acknowledged()
            try client.send("{\"action\":\"a\",\"module\":\"m\"}\n")
            #expect(try client.answer()?.lines == 1)
            // Behind the rotation, which writes a head, the next one is that of the end.
            #expect(try daemon.ask("rotate")["sealed"] as? Bool == true)
            #expect(try daemon.ask("sync")["ok"] as? Bool == true)
            let trace = try SystemCallTrace(daemon, Fault("renameat", .io, 1))
            daemon.signal(SIGTERM)
            #expect(try daemon.end() == .exited(74))
            #expect(try trace.injected(of: daemon) == 1)
            #expect(daemon.errors.contains("rename head.tmp to head"))
            #expect(try DaemonProcess(daemon.place).stop().ours.count == 1)
            try daemon.place.stored.expectVerified()
        }

        // MARK: At a start

        enum State: String, CaseIterable {
            /// There is no log.
            case new
            /// After a kill, in the middle of a segment.
            case killed
            /// The same with the beginning of a block that was never finished.
            case torn
            /// Killed in a rotation: the seal is there, the next segment is not.
            case rotating
        }

        private let earlier = Workload("e", rounds: 4)
        private let later = Workload("l", rounds: 1)

        /// A log in that state, and what was acknowledged before it came to it.
        private func prepare(_ state: State) throws -> (DaemonProcess.Place, [String: UInt64]) {
            let place = try DaemonProcess.Place()
            guard state != .new else { return (place, [:]) }
            let daemon = try DaemonProcess(place, Self.flags)
            let acknowledged = try earlier.run(daemon)
            if state == .rotating {
                // The fourth rename of a rotation is that of the key, behind the seal.
                let trace = try SystemCallTrace(daemon, Fault("renameat", .kill, 4))
                daemon.signal(SIGUSR1)
                #expect(try daemon.end() == .signalled(SIGKILL))
                _ = try trace.lines(of: daemon)
                #expect(place.stored.sealCount == place.stored.segments.count)
            } else {
                try daemon.killNow()
            }
            if state == .torn {
                let segment = try #require(place.stored.segments.last)
                let file = try #require(FileHandle(forWritingAtPath: segment))
                try file.seekToEnd()
                try file.write(contentsOf: Data([0x1F, 0x8B, 0x08, 0x04, 0, 0, 0, 0, 0, 0xFF, 0x64, 0x00, 0x43, 0x42]))
                try file.close()
            }
            unlink(place.control)
            return (place, acknowledged)
        }

        private func start(
            _ state: State, _ prepared: (place: DaemonProcess.Place, acknowledged: [String: UInt64]), _ fault: Fault?,
            _ totals: inout Totals
        ) throws -> [String: Int] {
            let comment = Comment(rawValue: "\(state): \(fault?.description ?? "no fault")")
            let place = try DaemonProcess.Place()
            if state != .new {
                let copy = try ChildProcess.run(["cp", "-a", prepared.place.log, place.log])
                try #require(copy.end == .exited(0), "\(copy.error)")
            }
            let daemon = try DaemonProcess(
                place, Self.flags, wrapper: SystemCallTrace.wrapper(place, fault), waits: false)
            let trace = SystemCallTrace(of: place)
            var acknowledged = prepared.acknowledged
            if try daemon.becomesReady() {
                try acknowledged.merge(later.run(daemon)) { one, _ in one }
                daemon.signal(SIGTERM)
                expectEnd(try daemon.end(within: 60), fault?.kind ?? .interruption, daemon, comment)
            } else {
                let end = try daemon.end()
                let expected = fault?.kind == .kill ? ChildProcess.End.signalled(SIGKILL) : .exited(74)
                #expect(end == expected, "\(comment) \(daemon.errors)")
                #expect(fault?.kind != .interruption, comment)
            }
            let end = try daemon.end()
            let injected = try fault?.kind == .kill ? (end == .exited(0) ? 0 : 1) : trace.injected(of: daemon)
            let workloads = state == .new ? [later] : [earlier, later]
            let lost = try place.expectIntact(workloads, acknowledged, flags: Self.flags, comment)
            totals.add(end, faults: injected, acknowledged: acknowledged.count, lost: lost)
            return try trace.counts(of: daemon)
        }

        @Test(arguments: State.allCases) func aFaultAtAStartLosesNothing(_ state: State) throws {
            var totals = Totals()
            let prepared = try prepare(state)
            let counts = try start(state, prepared, nil, &totals)
            #expect(counts["openat", default: 0] > 1, "\(counts)")
            var faults = sample(counts)
            if !Environment.isLong {
                // Of every other call one fault; which calls, and which fault, goes round with the state.
                let index = State.allCases.firstIndex(of: state) ?? 0
                let perCall = Dictionary(grouping: faults, by: \.calls).sorted { $0.key < $1.key }.enumerated()
                faults = perCall.filter { ($0.offset + index).isMultiple(of: 2) }.map { offset, entry in
                    entry.value[(index + offset) / 2 % entry.value.count]
                }
            }
            faults.append(Fault(SystemCallTrace.interruptible.joined(separator: ","), .interruption, "1+2"))
            for fault in faults { _ = try start(state, prepared, fault, &totals) }
            totals.print("faults at a start, \(state)")
            #expect(totals.faults > totals.runs / 2)
        }
    }
}
