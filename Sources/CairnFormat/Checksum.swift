internal import CISAL

/// The checksums that find accidents; what finds intent are the hashes and signatures.
package enum Checksum {
    /// CRC-32C (RFC 3720 appendix B.4).
    package static func crc32c(_ bytes: UnsafeRawBufferPointer, continuing previous: UInt32 = 0) -> UInt32 {
        guard let base = bytes.baseAddress else { return previous }
        // libisal takes a mutable pointer and reads only; it leaves both inversions to the caller.
        let data = UnsafeMutablePointer(mutating: base.assumingMemoryBound(to: UInt8.self))
        return ~crc32_iscsi(data, Int32(bytes.count), ~previous)
    }

    package static func crc32c(_ bytes: [UInt8]) -> UInt32 {
        bytes.withUnsafeBytes { crc32c($0) }
    }

    /// CRC-32 of gzip (RFC 1952 section 8).
    package static func crc32(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        guard let base = bytes.baseAddress else { return 0 }
        return crc32_gzip_refl(0, base.assumingMemoryBound(to: UInt8.self), UInt64(bytes.count))
    }
}
