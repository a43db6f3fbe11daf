package import CairnArchive
import CairnPlatform

/// Which bucket, on which server, as whom.
package struct S3Settings: Sendable {
    package enum Addressing: String, Sendable {
        /// `https://host/bucket/key`: what every S3 server understands.
        case path
        /// `https://bucket.host/key`: what AWS wants.
        case virtual
    }

    package var bucket: String
    /// What all keys begin with, without slashes around it; may be empty.
    package var prefix: String
    package var region: String
    package var endpoint: S3Endpoint
    package var addressing: Addressing
    package var credentials: S3Credentials
    /// Of all uploads together; nil for no limit.
    package var uploadBytesPerSecond: Int?

    package init(
        bucket: String, prefix: String, region: String, endpoint: S3Endpoint, addressing: Addressing,
        credentials: S3Credentials, uploadBytesPerSecond: Int? = nil
    ) {
        (self.bucket, self.prefix, self.region, self.endpoint) = (bucket, prefix, region, endpoint)
        (self.addressing, self.credentials, self.uploadBytesPerSecond) = (addressing, credentials, uploadBytesPerSecond)
    }

    /// What an S3 server of one's own calls itself if nobody says otherwise.
    static let defaultRegion = "us-east-1"

    /// Finds everything that an access does not say.
    ///
    /// Credentials come from the first of these that is there: `credentialsFile`; the systemd credential `s3`
    /// (`LoadCredential=s3:PATH`, systemd.exec(5)); `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`; the file that
    /// `AWS_SHARED_CREDENTIALS_FILE` names or `~/.aws/credentials`. In a file, `AWS_PROFILE` chooses the section.
    ///
    /// - Throws: `invalid` or `denied`, with what to set.
    package init(
        _ access: BucketAccess, environment: [String: String] = ProcessEnvironment.all
    ) throws(ArchiveError) {
        // Set and empty is as good as not set.
        let environment = environment.filter { !$0.value.isEmpty }
        let found = try Self.identity(access.credentialsFile, environment)
        let endpoint =
            ["CAIRN_S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"].lazy
            .compactMap { environment[$0] }.first ?? found.profile["endpoint_url"]
        let region = environment["AWS_REGION"] ?? environment["AWS_DEFAULT_REGION"] ?? found.profile["region"]
        guard let region = region ?? (endpoint == nil ? nil : Self.defaultRegion) else {
            throw ArchiveError(
                .invalid,
                "the region of the bucket \(access.bucket) is not known: set AWS_REGION, or CAIRN_S3_ENDPOINT for a "
                    + "server of your own")
        }
        guard !region.isEmpty, region.utf8.allSatisfy({ Self.isRegionByte($0) }) else {
            throw ArchiveError(.invalid, "the region has strange characters: set AWS_REGION to one like eu-central-1")
        }
        var addressing: Addressing = endpoint == nil && !access.bucket.contains(".") ? .virtual : .path
        if let wanted = environment["CAIRN_S3_ADDRESSING"] {
            guard let value = Addressing(rawValue: wanted) else {
                throw ArchiveError(.invalid, "CAIRN_S3_ADDRESSING must be path or virtual")
            }
            addressing = value
        }
        self.init(
            bucket: access.bucket, prefix: access.prefix, region: region,
            endpoint: try S3Endpoint(endpoint ?? "https://s3.\(region).amazonaws.com"), addressing: addressing,
            credentials: found.credentials, uploadBytesPerSecond: access.uploadBytesPerSecond)
    }

    private static func isRegionByte(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte)
            || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }

    private typealias Identity = (credentials: S3Credentials, profile: [String: String])

    private static func identity(
        _ explicitFile: String?, _ environment: [String: String]
    ) throws(ArchiveError) -> Identity {
        if let explicitFile {
            guard let file = try CredentialsFile.read(explicitFile) else {
                throw ArchiveError(.notFound, "\(explicitFile): there is no such file of credentials; name another")
            }
            return try identity(file, environment)
        }
        if let directory = environment["CREDENTIALS_DIRECTORY"], let file = try CredentialsFile.read("\(directory)/s3")
        {
            return try identity(file, environment)
        }
        if let identity = try identityOfEnvironment(environment) { return (identity, [:]) }
        let home = environment["HOME"].map { "\($0)/.aws/credentials" }
        if let path = environment["AWS_SHARED_CREDENTIALS_FILE"] ?? home, let file = try CredentialsFile.read(path) {
            return try identity(file, environment)
        }
        throw ArchiveError(
            .denied,
            "no credentials for S3 were found: name a file with --credentials, pass the systemd credential s3, "
                + "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write ~/.aws/credentials")
    }

    private static func identityOfEnvironment(
        _ environment: [String: String]
    ) throws(ArchiveError) -> S3Credentials? {
        switch (environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]) {
        case (nil, nil): return nil
        case (let id?, let secret?):
            return try S3Credentials(
                accessKeyID: id, secretAccessKey: secret, sessionToken: environment["AWS_SESSION_TOKEN"],
                origin: "the environment")
        default:
            throw ArchiveError(
                .invalid, "one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set: set both or none")
        }
    }

    private static func identity(
        _ file: CredentialsFile, _ environment: [String: String]
    ) throws(ArchiveError) -> Identity {
        let name = environment["AWS_PROFILE"] ?? "default"
        guard let profile = file.profiles[name] else {
            throw ArchiveError(
                .invalid, "\(file.path): there is no section [\(name)]; add it, or name another with AWS_PROFILE")
        }
        let values = profile.values
        guard let id = values["aws_access_key_id"], let secret = values["aws_secret_access_key"] else {
            throw ArchiveError(
                .invalid,
                "\(file.path): [\(name)] has no aws_access_key_id or no aws_secret_access_key; only keys are "
                    + "known here, not roles or programs that give some")
        }
        let credentials = try S3Credentials(
            accessKeyID: id, secretAccessKey: secret, sessionToken: values["aws_session_token"],
            origin: "\(file.path) [\(name)]")
        return (credentials, values)
    }
}

/// The root of an S3 server: `https://s3.example.org`, `http://127.0.0.1:8333`.
package struct S3Endpoint: Sendable, Equatable, CustomStringConvertible {
    package let isEncrypted: Bool
    /// A name, or an address (IPv6 in brackets).
    let host: String
    let port: Int

    package init(_ text: String) throws(ArchiveError) {
        func refuse(_ problem: String) -> ArchiveError {
            ArchiveError(.invalid, "the S3 endpoint \(problem): write https://HOST or https://HOST:PORT")
        }
        let parts = text.split(separator: "://", maxSplits: 1)
        guard parts.count == 2, ["http", "https"].contains(parts[0].lowercased()) else {
            throw refuse("must begin with https:// or http://")
        }
        isEncrypted = parts[0].lowercased() == "https"
        var authority = parts[1]
        if authority.hasSuffix("/") { authority = authority.dropLast() }
        guard authority.utf8.allSatisfy({ Self.isHostByte($0) }) else {
            // A user name and a password would end up in logs and in the host's name.
            throw refuse("must be a host and nothing else, without a path or a user")
        }
        // The colon of a port stands behind the bracket of an IPv6 address.
        let bracket = authority.lastIndex(of: "]") ?? authority.startIndex
        if let colon = authority[bracket...].lastIndex(of: ":") {
            guard let port = UInt16(authority[authority.index(after: colon)...]), port > 0 else {
                throw refuse("has no port behind its colon")
            }
            (host, self.port) = (String(authority[..<colon]), Int(port))
        } else {
            (host, port) = (String(authority), isEncrypted ? 443 : 80)
        }
        guard !host.isEmpty, host.hasPrefix("[") == host.hasSuffix("]"), host.hasPrefix("[") || !host.contains(":")
        else {
            throw refuse("has no host")
        }
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte)
            || "-._:[]".utf8.contains(byte)
    }

    /// Whether what is sent stays on this machine.
    var isLoopback: Bool {
        if host == "[::1]" || host.lowercased() == "localhost" || host.lowercased().hasSuffix(".localhost") {
            return true
        }
        return host.hasPrefix("127.")
            && host.utf8.allSatisfy { $0 == UInt8(ascii: ".") || $0 &- UInt8(ascii: "0") < 10 }
    }

    /// The host as the header `Host` has it: with the port where it is not the usual one.
    func authority(bucket: String? = nil) -> String {
        let name = bucket.map { "\($0).\(host)" } ?? host
        return port == (isEncrypted ? 443 : 80) ? name : "\(name):\(port)"
    }

    package var description: String { "\(isEncrypted ? "https" : "http")://\(authority())" }
}
