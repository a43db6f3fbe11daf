package import CairnFormat
internal import CairnPlatform

/// Where checkpoints of a log are published, so that its host cannot change them. All calls block.
package protocol AnchorPlace {
    /// As people recognise it, and as it is kept what was anchored: `file:/mnt/other/checkpoint`,
    /// `s3://bucket/prefix`, `https://witness.example`. Holds no secret.
    var target: String { get }

    /// The newest checkpoint that stands there, a signed note that nobody has checked; nil where there is none, or where
    /// the place gives none back.
    func newest(of origin: Origin) throws(ArchiveError) -> [UInt8]?

    /// Publishes a checkpoint that extends the newest.
    ///
    /// - Returns: the note as it stands there now: a witness adds its cosignature.
    func publish(_ checkpoint: SignedNote, of origin: Origin) throws(ArchiveError) -> SignedNote
}

/// A file, on another machine or on a medium that goes into a safe.
package struct FileAnchor: AnchorPlace {
    package let target: String
    private let path: String

    package init(_ path: String) {
        self.path = path
        target = "file:\(path)"
    }

    package func newest(of origin: Origin) throws(ArchiveError) -> [UInt8]? {
        let path = path
        return try reaching { () throws(IOFailure) in
            let (files, name) = try FilePlace.open(path)
            return try files.contents(name, limit: Limits.note)
        }
    }

    package func publish(_ checkpoint: SignedNote, of origin: Origin) throws(ArchiveError) -> SignedNote {
        let (path, bytes) = (path, checkpoint.bytes)
        try reaching { () throws(IOFailure) in
            let (files, name) = try FilePlace.open(path)
            try files.replace(name, with: bytes, mode: 0o644)
        }
        return checkpoint
    }

    private func reaching<R>(_ body: () throws(IOFailure) -> R) throws(ArchiveError) -> R {
        do throws(IOFailure) {
            return try body()
        } catch {
            throw ArchiveError(error.isForbidden ? .denied : .unavailable, "\(path): \(error)")
        }
    }
}

/// Whatever a command does with the checkpoint that stands on its standard input: mails it, prints it, commits it. It
/// has done so when it ends with 0.
package struct CommandAnchor: AnchorPlace {
    package let target: String
    private let command: String

    /// - Parameter command: for `/bin/sh -c`. In its environment `CAIRN_ORIGIN` is the name of the log.
    package init(_ command: String) {
        self.command = command
        target = "command:\(command)"
    }

    package func newest(of origin: Origin) throws(ArchiveError) -> [UInt8]? { nil }

    package func publish(_ checkpoint: SignedNote, of origin: Origin) throws(ArchiveError) -> SignedNote {
        let status: Int32
        do throws(IOFailure) {
            status = try ShellCommand.run(
                command, input: checkpoint.bytes, environment: [("CAIRN_ORIGIN", origin.name)])
        } catch {
            throw ArchiveError(.unavailable, "\"\(command)\" could not be run: \(error)")
        }
        guard status == 0 else {
            throw ArchiveError(.unavailable, "\"\(command)\" ended with \(status), so nothing counts as anchored")
        }
        return checkpoint
    }
}
