internal import CISAL
internal import CZlib

/// Which library compresses. Both write plain deflate (RFC 1951) and each reads the other's output.
package enum Compression: Sendable, Equatable {
    /// libisal at its level 1: what the writer uses unless told otherwise.
    case isal
    /// zlib at level 1 to 9: the reference, and for data that will be kept long.
    case zlib(level: Int32)
}

/// Compresses whole buffers into raw deflate streams. Keeps its state between calls; one owner at a time.
package final class Deflater {
    private enum State {
        case isal(UnsafeMutableRawPointer)
        case zlib(UnsafeMutablePointer<z_stream>)
    }

    private let state: State

    package init(_ compression: Compression) throws(FormatError) {
        switch compression {
        case .isal:
            guard let memory = cairn_isal_deflate_create() else { throw Deflater.noMemory }
            state = .isal(memory)
        case .zlib(let level):
            let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
            stream.initialize(to: z_stream())
            let status = deflateInit2_(
                stream, level, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
                Int32(MemoryLayout<z_stream>.size))
            guard status == Z_OK else {
                stream.deallocate()
                throw FormatError(.unsupported, "zlib refuses compression level \(level): use 1 to 9")
            }
            state = .zlib(stream)
        }
    }

    deinit {
        switch state {
        case .isal(let memory): free(memory)
        case .zlib(let stream):
            deflateEnd(stream)
            stream.deallocate()
        }
    }

    /// Appends the compressed form of `input` (at most `Limits.blockForReader` bytes) to `output`.
    package func deflate(_ input: UnsafeRawBufferPointer, appendingTo output: inout [UInt8]) throws(FormatError) {
        // Incompressible input grows by five bytes for each 64 KiB of stored blocks at most; the rest is slack.
        let bound = input.count + input.count / 1024 * 5 + 1024
        var written = 0
        output.append(addingCapacity: bound) { span in
            span.withUnsafeMutableBufferPointer { buffer, count in
                let room = UnsafeMutableRawBufferPointer(buffer)
                written =
                    switch state {
                    case .isal(let memory): isal(memory, input, room)
                    case .zlib(let stream): zlib(stream, input, room)
                    }
                count = max(0, written)
            }
        }
        guard written >= 0 else { throw FormatError(.malformed, "compression failed with code \(written)") }
    }

    private func isal(
        _ memory: UnsafeMutableRawPointer, _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
    ) -> Int {
        Int(
            cairn_isal_deflate(
                memory, input.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt32(input.count),
                output.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt32(output.count)))
    }

    private func zlib(
        _ stream: UnsafeMutablePointer<z_stream>, _ input: UnsafeRawBufferPointer,
        _ output: UnsafeMutableRawBufferPointer
    ) -> Int {
        deflateReset(stream)
        stream.pointee.next_in = UnsafeMutablePointer(
            mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = UInt32(input.count)
        stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(output.count)
        let status = CZlib.deflate(stream, Z_FINISH)
        return status == Z_STREAM_END ? output.count - Int(stream.pointee.avail_out) : -1
    }

    private static let noMemory = FormatError(.malformed, "no memory for the compressor")
}

/// Inflates whole raw deflate streams whose size is known. Keeps its state between calls; one owner at a time.
package final class Inflater {
    /// Which library inflates; zlib is there to check libisal against.
    package enum Backend: Sendable { case isal, zlib }

    private let memory: UnsafeMutableRawPointer?
    private let stream: UnsafeMutablePointer<z_stream>?

    package init(_ backend: Backend = .isal) throws(FormatError) {
        switch backend {
        case .isal:
            guard let memory = cairn_isal_inflate_create() else {
                throw FormatError(.malformed, "no memory for the decompressor")
            }
            self.memory = memory
            stream = nil
        case .zlib:
            let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
            stream.initialize(to: z_stream())
            guard inflateInit2_(stream, -MAX_WBITS, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
                stream.deallocate()
                throw FormatError(.malformed, "no memory for the decompressor")
            }
            self.stream = stream
            memory = nil
        }
    }

    deinit {
        free(memory)
        if let stream {
            inflateEnd(stream)
            stream.deallocate()
        }
    }

    /// Fills `output` exactly from the whole of `input`; anything else is an error.
    package func inflate(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(FormatError) {
        let good: Bool
        if let memory {
            good =
                cairn_isal_inflate(
                    memory, input.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt32(input.count),
                    output.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt32(output.count)) == 0
        } else if let stream {
            inflateReset(stream)
            stream.pointee.next_in = UnsafeMutablePointer(
                mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
            stream.pointee.avail_in = UInt32(input.count)
            stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
            stream.pointee.avail_out = UInt32(output.count)
            good =
                CZlib.inflate(stream, Z_FINISH) == Z_STREAM_END && stream.pointee.avail_in == 0
                && stream.pointee.avail_out == 0
        } else {
            good = false
        }
        guard good else { throw FormatError(.malformed, "the deflate stream does not inflate to its stated size") }
    }
}
