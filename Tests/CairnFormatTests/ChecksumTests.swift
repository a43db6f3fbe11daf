import CairnFormat
import Testing

@Suite struct ChecksumTests {
    /// RFC 3720 appendix B.4, and the check value of the catalogues.
    @Test(
        arguments: [
            ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
            ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43),
            ([UInt8](0..<32), 0x46DD_794E),
            (Array((UInt8(0)..<32).reversed()), 0x113F_DB5C),
            (
                hexBytes(
                    """
                    01c00000 00000000 00000000 00000000 14000000 00000400 00000014 00000018
                    28000000 00000000 02000000 00000000
                    """), 0xD996_3A56
            ),
            (Array("123456789".utf8), 0xE306_9283),
            ([], 0),
        ] as [([UInt8], UInt32)])
    func crc32c(_ bytes: [UInt8], _ expected: UInt32) {
        #expect(Checksum.crc32c(bytes) == expected)
    }

    @Test(
        arguments: [
            (Array("123456789".utf8), 0xCBF4_3926), ([], 0), ([0], 0xD202_EF8D),
            (Array("The quick brown fox jumps over the lazy dog".utf8), 0x414F_A339),
        ] as [([UInt8], UInt32)])
    func crc32(_ bytes: [UInt8], _ expected: UInt32) {
        #expect(bytes.withUnsafeBytes { Checksum.crc32($0) } == expected)
    }

    /// Bit by bit, from the polynomials alone.
    @Test func agreeWithTheirDefinition() {
        func reference(_ bytes: [UInt8], _ polynomial: UInt32) -> UInt32 {
            var value = ~UInt32(0)
            for byte in bytes {
                value ^= UInt32(byte)
                for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ polynomial : value >> 1 }
            }
            return ~value
        }
        var random = SeededRandom()
        for count in Array(0..<70) + [255, 256, 1000, 4097] {
            let bytes = random.bytes(count)
            #expect(bytes.exactly { Checksum.crc32c($0) } == reference(bytes, 0x82F6_3B78))
            #expect(bytes.exactly { Checksum.crc32($0) } == reference(bytes, 0xEDB8_8320))
        }
    }

    @Test func goesOnWhereItStopped() {
        var random = SeededRandom()
        let bytes = random.bytes(500)
        for cut in [0, 1, 8, 250, 499, 500] {
            let first = Array(bytes[..<cut]).withUnsafeBytes { Checksum.crc32c($0) }
            let whole = Array(bytes[cut...]).withUnsafeBytes { Checksum.crc32c($0, continuing: first) }
            #expect(whole == Checksum.crc32c(bytes))
        }
    }
}

@Suite struct XXH64Tests {
    /// Values of the xxHash authors' own implementation (PyPI xxhash).
    @Test(
        arguments: [
            ([], 0, 0xEF46_DB37_51D8_E999),
            ([], 1, 0xD5AF_BA13_36A3_BE4B),
            (Array("a".utf8), 0, 0xD24E_C4F1_A98C_6E5B),
            (Array("abc".utf8), 0, 0x44BC_2CF5_AD77_0999),
            (Array("abcd".utf8), 0, 0xDE03_27B0_D25D_92CC),
            (Array("abcdefg".utf8), 1, 0x3A57_1948_9F83_58B9),
            (Array("12345678".utf8), 0, 0xD2D0_2F08_CF7C_FD4A),
            ([UInt8](repeating: 0, count: 31), 0, 0xFAF4_3DD5_2DEB_083A),
            ([UInt8](0..<32), 0, 0xCBF5_9C51_16FF_32B4),
            ([UInt8](0..<33), 0, 0x0C53_5D1A_CAFB_8EAD),
            (Array("The quick brown fox jumps over the lazy dog".utf8), 9, 0xEC1D_1259_C114_B093),
            ([UInt8](0..<63), 5, 0x00A2_E3F6_052F_D234),
            ((0..<1024).map { UInt8(truncatingIfNeeded: $0) }, .max, 0x610C_4DCE_21EE_28E3),
        ] as [([UInt8], UInt64, UInt64)])
    func vectors(_ bytes: [UInt8], _ seed: UInt64, _ expected: UInt64) {
        #expect(bytes.exactly { XXH64.hash($0, seed: seed) } == expected)
    }
}
