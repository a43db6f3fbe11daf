import Foundation
import Glibc
import Testing

@testable import CairnPlatform

/// The other end: a bound datagram socket, as systemd has it.
private final class NotifySocket: Sendable {
    let path: String
    private let descriptor: Int32

    /// - Parameter path: begins with `@` for an abstract name.
    init(path: String) throws {
        self.path = path
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(path.utf8)
        if path.hasPrefix("@") { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let length = socklen_t(2 + bytes.count + (path.hasPrefix("@") ? 0 : 1))
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
        }
        try #require(bound == 0, "bind \(path): \(String(cString: strerror(errno)))")
    }

    convenience init() throws {
        try self.init(path: NSTemporaryDirectory() + "notify-\(UUID().uuidString).sock")
    }

    deinit {
        close(descriptor)
        if path.hasPrefix("/") { unlink(path) }
    }

    /// The datagrams that have come, as text.
    func received() -> [String] {
        var messages: [String] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if count < 0 { return messages }
            messages.append(String(decoding: buffer[..<count], as: UTF8.self))
        }
    }
}

@Suite struct ServiceNotificationTests {
    @Test func everyMessage() throws {
        let socket = try NotifySocket()
        let notification = try ServiceNotification(environment: ["NOTIFY_SOCKET": socket.path])
        #expect(notification.isActive)
        try notification.status("recovering segment 12/40")
        try notification.extendTimeout(.milliseconds(1500))
        try notification.ready()
        try notification.ready(status: "42 events")
        try notification.reloading(monotonic: 123_456)
        try notification.watchdog()
        try notification.failed(errno: 28, status: "disk full")
        try notification.stopping()
        try notification.stopping(status: "bye")
        #expect(
            socket.received() == [
                "STATUS=recovering segment 12/40", "EXTEND_TIMEOUT_USEC=1500000", "READY=1",
                "READY=1\nSTATUS=42 events", "RELOADING=1\nMONOTONIC_USEC=123456", "WATCHDOG=1",
                "ERRNO=28\nSTATUS=disk full", "STOPPING=1", "STOPPING=1\nSTATUS=bye",
            ])
    }

    @Test func statusCannotSmuggleAnotherAssignment() throws {
        let socket = try NotifySocket()
        let notification = try ServiceNotification(environment: ["NOTIFY_SOCKET": socket.path])
        try notification.status("a\nMAINPID=1\r\nb\u{2028}c")
        #expect(socket.received() == ["STATUS=a MAINPID=1 b c"])
    }

    @Test func abstractSocket() throws {
        let socket = try NotifySocket(path: "@cairn-test-\(UUID().uuidString)")
        let notification = try ServiceNotification(environment: ["NOTIFY_SOCKET": socket.path])
        try notification.ready()
        #expect(socket.received() == ["READY=1"])
    }

    @Test func reloadCarriesTheMonotonicClock() throws {
        let socket = try NotifySocket()
        let before = ServiceNotification.monotonicMicroseconds()
        try ServiceNotification(environment: ["NOTIFY_SOCKET": socket.path]).reloading()
        let after = ServiceNotification.monotonicMicroseconds()
        let message = try #require(socket.received().first)
        let stamp = try #require(UInt64(message.split(separator: "=").last ?? ""))
        #expect(before <= stamp && stamp <= after)
    }

    @Test func withoutTheVariableNothingHappens() throws {
        let notification = try ServiceNotification(environment: [:])
        #expect(!notification.isActive)
        try notification.ready()
        try notification.status("nobody hears this")
        #expect(notification.watchdogInterval == nil)
    }

    @Test func nobodyListens() throws {
        let path = NSTemporaryDirectory() + "nobody-\(UUID().uuidString).sock"
        let notification = try ServiceNotification(environment: ["NOTIFY_SOCKET": path])
        let error = #expect(throws: ServiceManagerError.self) { try notification.ready() }
        #expect(error?.description == "cannot tell systemd READY=1 at \(path): No such file or directory")
    }

    @Test(arguments: ["", "@", "/", "relative/path", "vsock:2:1", "/" + String(repeating: "x", count: 107)])
    func badAddresses(_ address: String) {
        #expect(throws: ServiceManagerError.self) {
            _ = try ServiceNotification(environment: ["NOTIFY_SOCKET": address])
        }
    }

    @Test(
        arguments: [
            ([:], nil), (["WATCHDOG_USEC": "30000000"], .seconds(30)),
            (["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "77"], .seconds(30)),
            (["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "78"], nil), (["WATCHDOG_PID": "77"], nil),
            // What is meant for another process is not looked at.
            (["WATCHDOG_USEC": "broken", "WATCHDOG_PID": "78"], nil),
        ] as [([String: String], Duration?)])
    func watchdog(_ environment: [String: String], _ interval: Duration?) throws {
        #expect(try ServiceNotification(environment: environment, processID: 77).watchdogInterval == interval)
    }

    @Test(arguments: ["", "0", "-1", "30s", "99999999999999999999"])
    func badWatchdog(_ value: String) {
        #expect(throws: ServiceManagerError.self) {
            _ = try ServiceNotification(environment: ["WATCHDOG_USEC": value])
        }
    }
}
