import Foundation
import Glibc
import Testing

extension EndToEnd {
    /// What systemd does for the daemon, and what it wants to hear.
    @Suite(.enabled(if: Environment.has("python3"), "it takes python3 to hand over a socket"))
    struct ServiceManagerTests {
        /// Listens on PATH as descriptor 3 and becomes the command, as systemd does.
        private static let activation = """
            import os, socket, sys
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            listener.bind(sys.argv[1])
            listener.listen(100)
            os.dup2(listener.fileno(), 3)
            os.set_inheritable(3, True)
            os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="events")
            os.execv(sys.argv[2], sys.argv[2:])
            """

        @Test func aSocketThatIsHandedOverIsUsedAndStays() throws {
            let place = try DaemonProcess.Place()
            let path = "\(place.scratch.path)/activated"
            let daemon = try DaemonProcess(place, wrapper: ["python3", "-c", Self.activation, path])
            let client = try EventClient(path)
            try client.send("{\"_hello\":{\"ack\":true}}\n{\"action\":\"a\",\"module\":\"m\"}\n")
            #expect(try client.text()?.hasPrefix(#"{"_hello":"#) == true)
            #expect(try client.answer()?.lines == 1)
            // It does not make one of its own.
            #expect(access(place.socket, F_OK) != 0)
            client.finish()
            #expect(try client.line() == nil)
            #expect(try daemon.stop().ours.count == 1)
            #expect(access(path, F_OK) == 0)
        }

        @Test func whatIsNoListeningSocketIsRefused() throws {
            let place = try DaemonProcess.Place()
            let wrapper = ["sh", "-c", "exec 3</dev/null; export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$@\"", "sh"]
            let daemon = try DaemonProcess(place, wrapper: wrapper, waits: false)
            #expect(try daemon.end() == .exited(78))
            #expect(place.errorText.contains("descriptor 3"))
        }

        @Test func variablesForAnotherProcessAreNotLookedAt() throws {
            let environment = DaemonProcess.environment.merging(["LISTEN_PID": "1", "LISTEN_FDS": "1"]) { $1 }
            let daemon = try DaemonProcess(nil, environment: environment)
            #expect(access(daemon.place.socket, F_OK) == 0)
            try daemon.stop()
        }

        /// A datagram socket of the tests', as NOTIFY_SOCKET names it.
        private final class Manager {
            let path: String
            private let descriptor: Int32

            init(_ path: String) throws {
                self.path = path
                descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
                var address = sockaddr_un()
                address.sun_family = sa_family_t(AF_UNIX)
                withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
                let size = socklen_t(MemoryLayout<sockaddr_un>.size)
                let code = withUnsafePointer(to: &address) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) }
                }
                try #require(code == 0)
            }

            deinit { close(descriptor) }

            func message(within seconds: Int32 = 60) throws -> [String] {
                var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                guard poll(&entry, 1, seconds * 1000) == 1 else { throw Timeout(description: "no notification") }
                var bytes = [UInt8](repeating: 0, count: 4096)
                let count = recv(descriptor, &bytes, bytes.count, 0)
                return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).split(separator: "\n").map(
                    String.init)
            }

            /// Reads until a message has that line.
            func wait(for line: String) throws -> [[String]] {
                var messages = [try message()]
                while !(messages.last ?? []).contains(line) { messages.append(try message()) }
                return messages
            }
        }

        @Test func theManagerHearsHowItGoes() throws {
            let place = try DaemonProcess.Place()
            let manager = try Manager("\(place.scratch.path)/notify")
            let file = "\(place.scratch.path)/cairn.yaml"
            try "log:\n  level: info\n".write(toFile: file, atomically: true, encoding: .utf8)
            let environment = DaemonProcess.environment.merging(
                ["NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "400000", "JOURNAL_STREAM": "1:2"]) { $1 }
            let daemon = try DaemonProcess(place, ["--config", file], environment: environment, waits: false)
            let start = try manager.wait(for: "READY=1")
            // Ready only now, and now it does accept.
            let client = try daemon.acknowledged()
            try client.send("{\"action\":\"a\",\"module\":\"m\"}\n")
            #expect(try client.answer()?.lines == 1)
            #expect(start.dropLast().allSatisfy { $0.count == 1 && $0[0].hasPrefix("STATUS=") })
            #expect(start.count >= 2)
            #expect(start.last?.contains { $0.hasPrefix("STATUS=") } == true)
            #expect(try manager.wait(for: "WATCHDOG=1").allSatisfy { !$0.contains("READY=1") })
            try eventually("the status counts what there is") {
                try manager.message().contains { $0.hasPrefix("STATUS=") && $0.contains("3 events, 1 connections") }
            }
            daemon.signal(SIGHUP)
            let reloading = try manager.wait(for: "RELOADING=1")
            #expect(reloading.last?.contains { $0.hasPrefix("MONOTONIC_USEC=") } == true)
            _ = try manager.wait(for: "READY=1")
            daemon.signal(SIGTERM)
            _ = try manager.wait(for: "STOPPING=1")
            #expect(try daemon.end() == .exited(0))
            // For the journal each message begins with its priority.
            #expect(place.errorText.split(separator: "\n").allSatisfy { $0.hasPrefix("<") })
        }

        @Test func whoCannotStartIsNeverReady() throws {
            let place = try DaemonProcess.Place()
            let manager = try Manager("\(place.scratch.path)/notify")
            let environment = DaemonProcess.environment.merging(["NOTIFY_SOCKET": manager.path]) { $1 }
            try "a file".write(toFile: place.socket, atomically: true, encoding: .utf8)
            let daemon = try DaemonProcess(place, environment: environment, waits: false)
            #expect(try daemon.end() == .exited(69))
            while let message = try? manager.message(within: 0) {
                #expect(!message.contains("READY=1"))
            }
        }
    }
}
