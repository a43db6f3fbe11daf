package import CairnFormat
package import CairnPlatform

/// Makes a log where there is none. `origin` is written last: without it there is no log, and a creation that was cut
/// off is done again from the start.
package enum LogCreation {
    package static func create(
        in files: any FileSystem, name: String, entropy: any EntropySource, now: Moment
    ) throws(StoreError) -> OriginStatement {
        try refuseForeign(files)
        let (statement, writes) = try formatting { () throws(FormatError) in
            try contents(name: name, entropy: entropy, now: now)
        }
        try storing { () throws(IOFailure) in
            try files.createDirectory(FileNames.keys, mode: 0o700)
            try files.createDirectory(FileNames.segments, mode: 0o750)
            for write in writes {
                try files.replace(write.path, with: write.bytes, mode: write.isSecret ? 0o600 : 0o640)
            }
        }
        return statement
    }

    private struct Write {
        var path: String
        var bytes: [UInt8]
        var isSecret = false
    }

    private static func contents(
        name: String, entropy: any EntropySource, now: Moment
    ) throws(FormatError) -> (OriginStatement, [Write]) {
        let origin = try Origin(name)
        let genesis = try SignerKey(name: name, seed: entropy.bytes(32))
        let logKey = try SignerKey(name: name, seed: entropy.bytes(32))
        let statement = OriginStatement(
            origin: origin, created: now.wall, genesisKey: genesis.verifier, logKey: logKey.verifier)
        let header = SegmentHeader(
            number: 0, firstSequence: 0, created: now.wall, previousSeal: .zero, saltKey: entropy.bytes(32),
            origin: origin, key: genesis.verifier)
        let checkpoint = Checkpoint(origin: origin, size: 0, root: .empty)
        let head = Head(origin: origin, number: 0, firstSequence: 0, count: 0, root: .empty, time: now.wall)
        return (
            statement,
            [
                Write(path: FileNames.logKey, bytes: logKey.file, isSecret: true),
                Write(path: FileNames.epochKey, bytes: genesis.file, isSecret: true),
                Write(path: FileNames.segment(0, .data), bytes: header.encoded()),
                Write(path: FileNames.checkpoint, bytes: try logKey.sign(checkpoint.text)),
                Write(path: FileNames.head, bytes: try genesis.sign(head.text)),
                Write(path: FileNames.origin, bytes: try genesis.sign(statement.text)),
            ]
        )
    }

    /// Segments without an origin are somebody's events: they are not written over.
    private static func refuseForeign(_ files: any FileSystem) throws(StoreError) {
        let names = try storing { () throws(IOFailure) in
            try files.status(FileNames.segments) == nil ? [] : files.list(FileNames.segments)
        }
        for name in names {
            guard let (first, part) = FileNames.parse(name) else { continue }
            let path = FileNames.segments + "/" + name
            let size = try storing { () throws(IOFailure) in try files.status(path)?.size ?? 0 }
            guard first == 0, part == .data, size <= UInt64(SegmentHeader.sizeLimit) else {
                throw StoreError(
                    .damaged,
                    "\(FileNames.origin) is missing, but \(path) is there: put the file back, or start a log in an "
                        + "empty directory")
            }
        }
    }
}
