import CairnArchive
import CairnCommand
import CairnDaemon
import CairnFormat
import CairnNetwork
import CairnReader

/// The facilities themselves.
struct NetworkFacilities: Facilities {
    func storage(_ access: BucketAccess) throws -> (any ObjectStorage, warning: String?) {
        let storage = try S3Storage(S3Settings(access))
        return (storage, storage.warning)
    }

    func witness(
        _ address: String, _ key: WitnessKey, _ directory: LogDirectory, known: (String) -> UInt64
    ) throws -> any AnchorPlace {
        try WitnessAnchor(address, key: key, directory, known: known(WitnessAnchor.target(address)))
    }

    func retentionPolicy(file: String) throws -> RetentionPolicy {
        do throws(ConfigurationError) {
            return try RetentionPolicy(file: file)
        } catch {
            throw CommandFailure(.configuration, error.description)
        }
    }

    func daemon() throws -> any DaemonWithin { Daemon() }
}

/// The daemon with the configuration that it has where nothing is configured.
private final class Daemon: DaemonWithin {
    private var daemon: EmbeddedDaemon?

    func start(log: String, socket: String, segmentBytes: Int) throws {
        var configuration = Configuration()
        configuration.directory = log
        configuration.socket.path = socket
        configuration.segment.maxBytes = segmentBytes
        let daemon = EmbeddedDaemon(configuration: configuration)
        do throws(DaemonError) {
            try daemon.start()
        } catch {
            throw CommandFailure(ExitStatus(rawValue: error.code.rawValue) ?? .software, error.description)
        }
        self.daemon = daemon
    }

    func stop() { daemon?.stop() }
}
