/// Frozen salts, computed with another AES (Python `cryptography`, ECB) from the formula of the format.
enum SaltVectors {
    static let counting = [UInt8](0..<32)
    private static let zeros = [UInt8](repeating: 0, count: 32)
    private static let ones = [UInt8](repeating: 0xFF, count: 32)

    /// Salt key, sequence number, salt.
    static let all: [([UInt8], UInt64, String)] = [
        (counting, 0, "b126d7031aea56f44cd79d1bda55cfe4"),
        (counting, 1, "2c2156df2ea2cb016cfee9d7f829055f"),
        (counting, 255, "7c9be7160363c88d0a005096961ecabe"),
        (counting, 256, "b1cafe7b00944bc1d98dd9fedd65a8cc"),
        (counting, 1_023, "c3a4625250ace9081cfcf6c11b7d773a"),
        (counting, 1_024, "e55c8141012f72bbbe473875db6d9759"),
        (counting, 2_047, "9e2f4abbd0c52a0fa11d1fe40ecb22ba"),
        (counting, 4_294_967_296, "8c91e50e2b90e8806a3b5d18cf2b4281"),
        (counting, 9_223_372_036_854_775_807, "551e919f03c0d44d080615bb11570c0a"),
        (zeros, 0, "ec015304c68ab42e22f2b815b7491d56"),
        (zeros, 1, "3eb186f175eb34d48be7721dc02b57ab"),
        (zeros, 255, "588ea56863550399d64b849f126efc6c"),
        (zeros, 256, "890d2ad842146e6f96a88e1c1202f71d"),
        (zeros, 1_023, "ef65f21d3f8c168ca78868d42c527f70"),
        (zeros, 1_024, "32e49d3eb00de20c208a8a98c7ee2ded"),
        (zeros, 2_047, "d2ef5f34913e8a71bedede2f0195c589"),
        (zeros, 4_294_967_296, "0d007f783f22e2747f9fcf99eb804f74"),
        (zeros, 9_223_372_036_854_775_807, "fbace5485166199bb5d2a314a064c38e"),
        (ones, 0, "e22826cc83b76fa7a8b33ab1973b43d8"),
        (ones, 1, "f96bc8e14b4e2585c6d9bbc935aa1d8e"),
        (ones, 255, "ab081feb204d016b6c9701de9608e015"),
        (ones, 256, "2562fe0dc5200a9098fb8aea65632f0e"),
        (ones, 1_023, "182ad1bdb0e686941d7ecc2ae802c06e"),
        (ones, 1_024, "59d82fc020a3f7d8627c798aae054761"),
        (ones, 2_047, "bcade9f2995ac5c0f69cede034ee17fb"),
        (ones, 4_294_967_296, "a558965bb34cea940e5d9b20db78d11b"),
        (ones, 9_223_372_036_854_775_807, "23fe25bafb9014e387908e44c86134c6"),
    ]

    /// What stands behind the last salt of group 0 of key `counting` in its keystream: no salt of any event.
    static let counter1024 = "a4d59740c62af9f17a6bcce1061a6846"
}
