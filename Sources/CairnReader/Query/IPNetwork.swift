import CairnFormat

/// A range of IP addresses in CIDR notation (RFC 4632, RFC 4291 section 2.3).
///
/// An IPv4 address that is written in IPv6 (`::ffff:10.0.0.1`, RFC 4291 section 2.5.5.2) belongs to IPv4 networks too:
/// that is what servers that listen on both see.
struct IPNetwork: Sendable, Equatable {
    /// 4 or 16 bytes.
    private let address: [UInt8]
    private let prefixLength: Int

    /// nil if `text` is not an address, a slash and a length; bits behind the length may be set and do not count.
    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, (1...3).contains(parts[1].utf8.count),
            parts[1].utf8.allSatisfy({ $0 &- UInt8(ascii: "0") < 10 }), let length = Int(parts[1]),
            let address = Array(parts[0].utf8).withUnsafeBytes({ IPAddressText.bytes($0) }), length <= address.count * 8
        else { return nil }
        self.address = address
        prefixLength = length
    }

    /// Whether `text` is an address of the network.
    func contains(_ text: UnsafeRawBufferPointer) -> Bool {
        guard let other = IPAddressText.bytes(text) else { return false }
        if other.count == address.count { return hasPrefix(other[...]) }
        guard other.count == 16, other[..<12].elementsEqual(Self.mappedPrefix) else { return false }
        return hasPrefix(other[12...])
    }

    private static let mappedPrefix: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]

    private func hasPrefix(_ other: ArraySlice<UInt8>) -> Bool {
        var left = prefixLength
        for (own, byte) in zip(address, other) {
            guard left > 0 else { return true }
            let mask = left >= 8 ? 0xFF : ~(UInt8(0xFF) >> UInt8(left))
            if (own ^ byte) & mask != 0 { return false }
            left -= 8
        }
        return true
    }
}
