internal import CairnFormat
internal import CairnPlatform
internal import CairnReader
internal import Synchronization

/// A new age file that is written as its plaintext. Its first ``sync()`` ends it: nothing can be appended then.
final class EncryptedAppendFile: AppendFile {
    private struct State: ~Copyable {
        /// Nil once the file is whole.
        var encryption: AgeEncryption?
        var output: [UInt8] = []
    }

    private let file: any AppendFile
    private let state: Mutex<State>

    /// - Parameter file: empty.
    init(_ file: any AppendFile, _ encryption: consuming AgeEncryption) throws(ReadError) {
        self.file = file
        let start = encryption.start
        state = Mutex(State(encryption: encryption))
        try accessing { () throws(IOFailure) in
            try start.span.withUnsafeBytes { (bytes) throws(IOFailure) in try file.append(bytes) }
        }
    }

    /// Bytes of the age file, as far as they are written.
    var size: UInt64 { file.size }

    func append(_ bytes: UnsafeRawBufferPointer) throws(IOFailure) {
        try state.withLock { (state: inout State) throws(IOFailure) in
            guard state.encryption != nil else { throw IOFailure(operation: "write", path: "", code: Self.isWhole) }
            state.output.removeAll(keepingCapacity: true)
            state.encryption?.append(bytes, to: &state.output)
            try write(state.output)
        }
    }

    func sync() throws(IOFailure) {
        try state.withLock { (state: inout State) throws(IOFailure) in
            if let encryption = state.encryption.take() {
                state.output.removeAll(keepingCapacity: true)
                encryption.finish(to: &state.output)
                try write(state.output)
            }
        }
        try file.sync()
    }

    private func write(_ output: [UInt8]) throws(IOFailure) {
        try output.span.withUnsafeBytes { (bytes) throws(IOFailure) in try file.append(bytes) }
    }

    /// EPERM.
    private static let isWhole: Int32 = 1

    func truncate(to size: UInt64) throws(IOFailure) {
        throw IOFailure(operation: "ftruncate", path: "", code: Self.isWhole)
    }

    func reader() throws(IOFailure) -> any ReadableFile { try file.reader() }

    func close() throws(IOFailure) { try file.close() }
}
