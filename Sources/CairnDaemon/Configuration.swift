package import CairnFormat
internal import CairnPlatform
internal import CairnReader

/// The settings of the daemon. A value made with `Configuration()` holds the defaults.
///
/// `Setting.all` says for each property its key, its text form, its limits and its meaning.
package struct Configuration: Sendable, Equatable {
    package var directory = StandardPlaces.log
    /// Empty: made up from the host's name and random bytes when the log is created.
    package var origin = ""
    package var socket = Socket()
    package var control = Control()
    package var limits = Limits()
    package var segment = Segment()
    package var head = Head()
    package var disk = Disk()
    package var retention = Retention()
    package var encryption = Encryption()
    package var idempotency = Idempotency()
    package var sanitize = Sanitize()
    package var log = Log()

    package struct Socket: Sendable, Equatable {
        package var path = StandardPlaces.eventSocket
        package var mode: UInt32 = 0o660
        package var backlog = 4096
    }

    package struct Control: Sendable, Equatable {
        /// Empty: `control.sock` in the log directory. `Configuration.controlPath` is the path in force.
        package var path = ""
        package var mode: UInt32 = 0o660
        package var uids: [UInt32] = []
        package var custodyUids: [UInt32] = []
        package var archiveUids: [UInt32] = []
    }

    /// All but `connections` in bytes.
    package struct Limits: Sendable, Equatable {
        package var eventBytes = 256 << 10
        package var connections = 4096
        package var queueBytes = 64 << 20
        package var connectionBytes = 4 << 20
        package var commitBytes = 8 << 20
    }

    package struct Segment: Sendable, Equatable {
        package enum Compression: String, Sendable, CaseIterable {
            case isal, zlib
        }

        /// Compressed bytes.
        package var maxBytes = 64 << 20
        package var maxAge = Duration.seconds(3600)
        package var sealOnShutdown = false
        package var compression = Compression.isal
        package var compressionLevel = 1
    }

    package struct Head: Sendable, Equatable {
        package var interval = Duration.seconds(1)
        package var keepalive = Duration.seconds(60)
    }

    /// Free bytes; 0: off.
    package struct Disk: Sendable, Equatable {
        package var warnFree = 512 << 20
        package var stopFree = 64 << 20
    }

    package struct Retention: Sendable, Equatable {
        /// Empty: nothing is ever removed.
        package var policy = ""
        /// Zero: only on request.
        package var interval = Duration.zero
    }

    package struct Encryption: Sendable, Equatable {
        /// Of age; empty: nothing is encrypted.
        package var recipients: [AgeRecipient] = []
        /// How long segments stay readable here.
        package var after = Duration.seconds(86_400)
    }

    package struct Idempotency: Sendable, Equatable {
        /// 0: off.
        package var ids = 1_000_000
        package var age = Duration.seconds(86_400)
    }

    package struct Sanitize: Sendable, Equatable {
        package var fields: [String] = []
    }

    package struct Log: Sendable, Equatable {
        /// The names and the order are those of swift-log.
        package enum Level: String, Sendable, CaseIterable {
            case trace, debug, info, notice, warning, error, critical
        }

        package var level = Level.info
    }

    package init() {}

    /// The path of the control socket in force.
    package var controlPath: String {
        if !control.path.isEmpty { return control.path }
        return StandardPlaces.controlSocket(of: directory)
    }
}

// MARK: - Reload

extension Configuration {
    /// The keys of the settings that differ from those in force and take effect only at the next start.
    package func changesNeedingRestart(from running: Configuration) -> [String] {
        Setting.all.filter { $0.needsRestart && $0.text(in: self) != $0.text(in: running) }.map(\.key)
    }

    /// What a reload may put in force: this configuration, but with the settings that need a restart as they are now.
    package func reloaded(over running: Configuration) -> Configuration {
        var result = self
        result.directory = running.directory
        result.origin = running.origin
        result.socket = running.socket
        result.control.path = running.control.path
        result.control.mode = running.control.mode
        result.idempotency = running.idempotency
        result.log = running.log
        return result
    }
}

// MARK: - Rules between settings

extension Configuration {
    /// A rule that two settings break together.
    struct Conflict {
        let key: String
        let other: String
        let message: String
    }

    /// Rules that one value alone cannot show to be broken.
    var conflicts: [Conflict] {
        var found: [Conflict] = []
        func atLeast(_ key: String, _ holds: Bool, _ other: String, because reason: String) {
            guard !holds, let setting = Setting.named(key), let limit = Setting.named(other) else { return }
            let message =
                "\(setting.text(in: self)) is less than \(other), \(limit.text(in: self)): \(reason); "
                + "raise \(key) or lower \(other)"
            found.append(Conflict(key: key, other: other, message: message))
        }
        atLeast(
            "limits.connection_bytes", limits.connectionBytes >= limits.eventBytes, "limits.event_bytes",
            because: "one event of the largest size would never be read to its end")
        atLeast(
            "limits.queue_bytes", limits.queueBytes >= limits.connectionBytes, "limits.connection_bytes",
            because: "one connection must not fill the queue of all")
        atLeast(
            "limits.commit_bytes", limits.commitBytes >= limits.eventBytes, "limits.event_bytes",
            because: "one event of the largest size must fit in a commit")
        atLeast(
            "head.keepalive", head.keepalive >= head.interval, "head.interval",
            because: "the head is written at most once every head.interval")
        atLeast(
            "disk.warn_free", disk.warnFree == 0 || disk.warnFree >= disk.stopFree, "disk.stop_free",
            because: "the warning must come before the stop")
        if segment.compression != .zlib && segment.compressionLevel != 1 {
            found.append(
                Conflict(
                    key: "segment.compression_level", other: "segment.compression",
                    message: "\(segment.compressionLevel) has no effect with \(segment.compression.rawValue): "
                        + "set segment.compression to zlib, or remove this setting"))
        }
        if controlPath.utf8.count > UnixConnection.maximumPathBytes {
            found.append(
                Conflict(
                    key: "control.path", other: "directory",
                    message:
                        "\(controlPath) is longer than \(UnixConnection.maximumPathBytes) bytes, the limit of unix(7): "
                        + "set control.path to a shorter path"))
        }
        return found
    }
}
