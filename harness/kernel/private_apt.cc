// How are packages of another Debian suite fetched without touching the system's own package lists?
#include "harness/kernel/private_apt.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/kernel/disk_space.h"
#include "harness/kernel/followed.h"

namespace holdfast {
namespace fs = std::filesystem;
namespace {

constexpr const char* kKeyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
constexpr std::string_view kTreeInstead = "or give a kernel tree: holdfast kernel build --tree DIR";

bool says(std::string_view said, std::initializer_list<std::string_view> any_of) {
  return std::any_of(any_of.begin(), any_of.end(),
                     [&](std::string_view phrase) { return said.find(phrase) != std::string_view::npos; });
}

/// Settings that come from the system's own apt.conf.d stay (a proxy, certificates), its hooks do not: they look after
/// the system's package cache, and may need root.
Result<void> write_settings(const fs::path& folder) {
  const fs::path parts = folder / "apt.conf.d";
  std::error_code failed;
  fs::remove_all(parts, failed);
  TRY(make_dirs(parts));
  for (fs::directory_iterator entry("/etc/apt/apt.conf.d", failed); !failed && entry != fs::directory_iterator();
       entry.increment(failed)) {
    std::error_code ignored;
    fs::create_symlink(entry->path(), parts / entry->path().filename(), ignored);
  }
  constexpr std::string_view kHooks =
      "#clear APT::Update::Pre-Invoke;\n#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n"
      "#clear DPkg::Pre-Invoke;\n#clear DPkg::Post-Invoke;\n#clear DPkg::Pre-Install-Pkgs;\n";
  TRY(write_file(parts / "zz-holdfast", kHooks));
  // Only a file named by APT_CONFIG is read early enough to say where the other settings are (apt.conf(5)).
  return write_file(folder / "apt.conf", fmt::format("Dir::Etc::Parts \"{}\";\n", parts.string()));
}

}  // namespace

Error apt_error(std::string_view attempted, std::string_view mirror, std::string_view said) {
  Error error = lab_error("apt", fmt::format("{} from {}: apt fails", attempted, mirror));
  error.hint = fmt::format("see what apt said, {}", kTreeInstead);
  if (says(said, {"No space left on device", "don't have enough free space", "not enough free space"})) {
    error.kind = "disk";
    error.what = fmt::format("{} from {}: no space left on the disk", attempted, mirror);
    error.hint = "free some, or set HOLDFAST_CACHE to a folder on a larger disk";
  } else if (says(said, {"NO_PUBKEY", "BADSIG", "EXPKEYSIG", "REVKEYSIG", "is not signed", "signatures were invalid",
                         "couldn't be verified", "Hash Sum mismatch", "Release file for", "no longer signed"})) {
    error.kind = "signature";
    error.what =
        fmt::format("{} from {}: what the mirror sends does not bear a valid signature of Debian's", attempted, mirror);
    error.hint = fmt::format(
        "apt-get install --only-upgrade debian-archive-keyring, check the clock and the mirror, {}", kTreeInstead);
  } else if (says(said, {"Could not resolve", "Temporary failure resolving", "Could not connect",
                         "Connection timed out", "Connection failed", "Unable to connect", "Failed to fetch",
                         "Network is unreachable", "Cannot initiate the connection", "connection timed out"})) {
    error.kind = "network";
    error.what = fmt::format("{} from {}: the mirror cannot be reached", attempted, mirror);
    error.hint = fmt::format("check the network or the proxy, {}", kTreeInstead);
  }
  return std::move(error).with("apt", std::string(last_lines(said, 20)));
}

std::pair<unsigned, unsigned> kernel_series_of(std::string_view package) {
  constexpr std::string_view kPrefix = "linux-source-";
  if (!package.starts_with(kPrefix)) return {0, 0};
  const auto parts = split(package.substr(kPrefix.size()), '.');
  if (parts.size() != 2) return {0, 0};
  const auto major = parse_u64(parts[0]);
  const auto minor = parse_u64(parts[1]);
  if (!major || !minor || *major > 1000 || *minor > 1000) return {0, 0};
  return {static_cast<unsigned>(*major), static_cast<unsigned>(*minor)};
}

std::vector<AptPackage> parse_packages(std::string_view text) {
  std::vector<AptPackage> packages;
  for (const std::string_view line : split(text, '\n')) {
    const size_t colon = line.find(": ");
    if (colon == std::string_view::npos) continue;
    const std::string_view field = line.substr(0, colon);
    const std::string value(trim(line.substr(colon + 2)));
    if (field == "Package") packages.push_back({.name = value, .version = {}, .size = 0, .sha256 = {}});
    if (packages.empty()) continue;
    if (field == "Version") packages.back().version = value;
    if (field == "Size") packages.back().size = parse_u64(value).value_or(0);
    if (field == "SHA256") packages.back().sha256 = value;
  }
  return packages;
}

Result<PrivateApt> PrivateApt::create(const fs::path& folder, std::string_view mirror, std::string_view suite) {
  for (const char* program : {"apt-get", "apt-cache", "dpkg-deb"}) {
    if (find_program(program)) continue;
    return lab_error("tool", fmt::format("{} is not here, so no kernel source can be fetched", program))
        .because("give a kernel tree: holdfast kernel build --tree DIR");
  }
  if (!fs::exists(kKeyring)) {
    return lab_error("signature",
                     fmt::format("Debian's keys ({}) are not here, so nothing fetched could be trusted", kKeyring))
        .because(fmt::format("apt-get install debian-archive-keyring, {}", kTreeInstead));
  }
  for (const char* below : {"sources.d", "lists/partial", "cache/archives/partial"}) TRY(make_dirs(folder / below));
  TRY(write_settings(folder));
  TRY(write_file(folder / "status", ""));
  TRY(write_file(
      folder / "sources.d" / "holdfast.sources",
      fmt::format("Types: deb\nURIs: {}\nSuites: {}\nComponents: main\nSigned-By: {}\n", mirror, suite, kKeyring)));
  return PrivateApt(folder, std::string(mirror));
}

Command PrivateApt::command(std::string_view program, std::vector<std::string> arguments) const {
  const auto below = [&](const char* name) { return (folder_ / name).string(); };
  const std::array options = {
      std::string("Dir::Etc::SourceList=/dev/null"),
      "Dir::Etc::SourceParts=" + below("sources.d"),
      std::string("Dir::Etc::Preferences=/dev/null"),
      std::string("Dir::Etc::PreferencesParts=/dev/null"),
      "Dir::State=" + folder_.string(),
      "Dir::State::Lists=" + below("lists"),
      "Dir::State::status=" + below("status"),
      "Dir::Cache=" + below("cache"),
      // As root, apt would download as _apt, which may not write below a user's cache.
      std::string("APT::Sandbox::User=root"),
      std::string("APT::Update::Error-Mode=any"),
      std::string("Acquire::Languages=none"),
      std::string("Acquire::Retries=2"),
      std::string("Acquire::AllowInsecureRepositories=false"),
      std::string("APT::Get::AllowUnauthenticated=false"),
  };
  Command made{.argv = {std::string(program), "-q"}, .env = {{"LC_ALL", "C"}, {"APT_CONFIG", below("apt.conf")}}};
  for (const std::string& option : options) made.argv.insert(made.argv.end(), {"-o", option});
  made.argv.insert(made.argv.end(), arguments.begin(), arguments.end());
  return made;
}

Result<void> PrivateApt::update(const Deadline& deadline) const {
  const Output output = TRY(run(command("apt-get", {"update"}), deadline.at_most(std::chrono::minutes(5))));
  if (output.status.success()) return {};
  return apt_error("fetch the package lists", mirror_, output.out + output.err);
}

Result<std::vector<AptPackage>> PrivateApt::kernel_sources(const Deadline& deadline) const {
  const Deadline limit = deadline.at_most(std::chrono::minutes(1));
  const Output names = TRY(run(command("apt-cache", {"pkgnames", "linux-source-"}), limit));
  std::vector<std::string> wanted = {"show", "--no-all-versions"};
  for (const std::string_view name : split(names.out, '\n')) {
    if (kernel_series_of(trim(name)).first != 0) wanted.emplace_back(trim(name));
  }
  if (wanted.size() == 2) {
    return lab_error("apt", fmt::format("the mirror {} offers no linux-source package", mirror_))
        .because(std::string(kTreeInstead));
  }
  const Output shown = TRY(run(command("apt-cache", wanted), limit));
  if (!shown.status.success()) return apt_error("read the package lists", mirror_, shown.err);
  std::vector<AptPackage> packages = parse_packages(shown.out);
  std::stable_sort(packages.begin(), packages.end(), [](const AptPackage& a, const AptPackage& b) {
    return kernel_series_of(a.name) > kernel_series_of(b.name);
  });
  return packages;
}

namespace {

/// The size of whatever is in a folder, for the progress of a download into it.
uint64_t bytes_in(const fs::path& folder) {
  uint64_t bytes = 0;
  std::error_code failed;
  for (fs::recursive_directory_iterator entry(folder, failed); !failed && entry != fs::recursive_directory_iterator();
       entry.increment(failed)) {
    std::error_code ignored;
    const auto size = entry->file_size(ignored);
    if (!ignored) bytes += size;
  }
  return bytes;
}

std::optional<fs::path> package_file_in(const fs::path& folder) {
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed); !failed && entry != fs::directory_iterator();
       entry.increment(failed)) {
    if (entry->path().extension() == ".deb") return entry->path();
  }
  return std::nullopt;
}

}  // namespace

Result<fs::path> PrivateApt::download(const AptPackage& package, const fs::path& into, const Deadline& deadline,
                                      const ProgressSink& progress) const {
  Step step(progress, "download", fmt::format("{} {}", package.name, package.version), package.size);
  const fs::path log = folder_ / "download.log";
  Command get = command("apt-get", {"download", fmt::format("{}={}", package.name, package.version)});
  get.cwd = into;
  const ExitStatus status =
      TRY(run_followed(get, log, deadline.at_most(std::chrono::hours(2)), [&] { step.at(bytes_in(into)); }));
  const auto file = package_file_in(into);
  if (!status.success() || !file) {
    const auto said = read_file(log);
    return apt_error(fmt::format("fetch {}", package.name), mirror_, said ? *said : status.describe());
  }
  step.end(package.size);
  return *file;
}

}  // namespace holdfast
