import Glibc
import Testing

@testable import CairnPlatform

/// One answer of a scripted system call: bytes moved, or the errno.
private enum Answer: Sendable {
    case moved(Int)
    case failed(Int32)
}

/// Plays answers in turn, as the kernel would give them, and notes the offsets that it was asked for.
private final class Script {
    private var answers: [Answer]
    private(set) var offsets: [Int] = []

    init(_ answers: [Answer]) {
        self.answers = answers
    }

    func call(_ offset: Int) -> Int {
        offsets.append(offset)
        guard !answers.isEmpty else {
            errno = EDOM
            return -1
        }
        switch answers.removeFirst() {
        case .moved(let count): return count
        case .failed(let code):
            errno = code
            return -1
        }
    }
}

@Suite struct SystemCallTests {
    private struct Transfer: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var answers: [Answer]
        var offsets: [Int]
        var done: Int
        var code: Int32?
    }

    private static let transfers = [
        Transfer(testDescription: "all at once", answers: [.moved(10)], offsets: [0], done: 10, code: nil),
        Transfer(testDescription: "short", answers: [.moved(3), .moved(6), .moved(1)], offsets: [0, 3, 9], done: 10),
        Transfer(testDescription: "signal first", answers: [.failed(EINTR), .moved(10)], offsets: [0, 0], done: 10),
        Transfer(
            testDescription: "signals between", answers: [.moved(4), .failed(EINTR), .failed(EINTR), .moved(6)],
            offsets: [0, 4, 4, 4], done: 10),
        Transfer(testDescription: "end of file", answers: [.moved(4), .moved(0)], offsets: [0, 4], done: 4),
        Transfer(testDescription: "failure", answers: [.failed(EIO)], offsets: [0], done: 0, code: EIO),
        Transfer(
            testDescription: "full after a part", answers: [.moved(7), .failed(ENOSPC)], offsets: [0, 7], done: 7,
            code: ENOSPC),
    ]

    @Test(arguments: transfers)
    private func transferMovesAllOrSaysHowMuch(_ expected: Transfer) {
        let script = Script(expected.answers)
        var done = 0
        let failed = code { try transfer(10, done: &done, operation: "write", path: "p") { script.call($0) } }
        #expect(failed == expected.code)
        #expect(done == expected.done)
        #expect(script.offsets == expected.offsets)
    }

    @Test func transferOfNothingMakesNoCall() throws {
        let script = Script([])
        var done = 0
        try transfer(0, done: &done, operation: "write", path: "p") { script.call($0) }
        #expect(script.offsets.isEmpty)
    }

    @Test func failureNamesOperationAndPath() {
        #expect(throws: IOFailure(operation: "unlink", path: "a/b", code: EROFS)) {
            let script = Script([.failed(EINTR), .failed(EROFS)])
            try systemCall("unlink", "a/b") { script.call(0) }
        }
    }

    @Test func descriptorIsClosedWithItsOwner() throws {
        let directory = try TemporaryDirectory()
        var (before, after) = (stat(), stat())
        var number: Int32 = -1
        do {
            let descriptor = Descriptor(open(directory.path, O_RDONLY | O_CLOEXEC))
            number = descriptor.number
            try #require(fstat(number, &before) == 0)
        }
        // Another test may have got the number since, but not for the same directory.
        let isOpen = fstat(number, &after) == 0
        #expect(!isOpen || FileStatus(after).identity != FileStatus(before).identity)
    }

    @Test func descriptorThatAStrangerClosedStopsTheProcess() async {
        await #expect(processExitsWith: .failure) {
            let descriptor = Descriptor(open("/dev/null", O_RDONLY | O_CLOEXEC))
            close(descriptor.number)
            try descriptor.close(path: "/dev/null")
        }
    }

    @Test func pollReportsTheReadyOneOnly() throws {
        var pair: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
        let first = Descriptor(pair[0])
        let second = Descriptor(pair[1])
        let interests = [(first.number, Int16(POLLIN)), (second.number, Int16(POLLIN))]

        #expect(try pollDescriptors(interests, timeoutMilliseconds: 0, path: "") == [0, 0])
        #expect(try pollDescriptors(interests, timeoutMilliseconds: 1, path: "") == [0, 0])
        try #require(write(first.number, "x", 1) == 1)
        #expect(try pollDescriptors(interests, timeoutMilliseconds: -1, path: "") == [0, Int16(POLLIN)])
    }
}
