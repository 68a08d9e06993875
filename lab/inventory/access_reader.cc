// How can a host be reached, seen and switched: what does the inventory say?
#include "lab/inventory/access_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "harness/base/text.h"
#include "lab/inventory/forms.h"
#include "lab/inventory/host_key.h"
#include "lab/inventory/sections.h"

namespace holdfast::lab {
namespace {

/// The command that shows the host key of `address`, from where it can be reached.
std::string keyscan_command(const std::string& address, uint16_t port, const std::optional<SshEndpoint>& jump) {
  std::vector<std::string> words{"ssh-keyscan", "-t", "ed25519", "-p", std::to_string(port), address};
  if (jump) {
    const std::string gate = fmt::format("{}@{}", jump->user, jump->address);
    words.insert(words.begin(), {"ssh", "-p", std::to_string(jump->port), gate});
  }
  return shell_quote(words);
}

Result<SshEndpoint> read_endpoint(const Table& table, const std::optional<SshEndpoint>& jump) {
  SshEndpoint endpoint;
  endpoint.address = TRY(read_address(table));
  endpoint.port = TRY(read_port(table, endpoint.port));
  endpoint.user = TRY(read_user(table, endpoint.user));
  endpoint.key = TRY(table.path("key"));
  const auto hint = [&](Error error) {
    return std::move(error).because(
        fmt::format("get it with `{}`, leave out the address in front, and compare it with "
                    "/etc/ssh/ssh_host_ed25519_key.pub on the machine itself",
                    keyscan_command(endpoint.address, endpoint.port, jump)));
  };
  if (!table.has("host_key")) return hint(table.missing("host_key"));
  const auto key = parse_host_key(TRY(table.required_text("host_key")));
  if (!key) return hint(table.error("host_key", "host_key: " + key.error().what));
  endpoint.host_key = *key;
  return endpoint;
}

/// What stands under "password" in a table that may do without when `otherwise` is given.
Result<SecretSource> read_password(const Table& table, const SecretSource& otherwise) {
  const TomlMember* member = table.member("password");
  if (member != nullptr) return read_secret_source(*member, table.folder());
  if (otherwise.given()) return otherwise;
  return table.missing("password").because("write password = { env = \"NAME\" } or password = { file = \"path\" }");
}

/// What the table does not say is as in `otherwise`; what is empty there must be said.
Result<IpmiAccess> read_ipmi(const Table& table, const IpmiAccess& otherwise) {
  IpmiAccess ipmi = otherwise;
  if (ipmi.address.empty() || table.has("address")) ipmi.address = TRY(read_address(table));
  ipmi.port = TRY(read_port(table, ipmi.port));
  if (ipmi.user.empty() && !table.has("user")) return table.missing("user");
  ipmi.user = TRY(read_user(table, ipmi.user));
  ipmi.password = TRY(read_password(table, ipmi.password));
  // 0 does without authentication, 17 is the last one of IPMI 2.0 (table 22-20).
  ipmi.cipher_suite = static_cast<int>(TRY(table.integer("cipher_suite", {1, 17}, ipmi.cipher_suite)));
  return ipmi;
}

/// A value as fence agents read it from their standard input.
Result<std::string> option_text(const TomlMember& member) {
  const TomlNode& node = member.node;
  if (const auto* text = std::get_if<std::string>(&node.value)) {
    if (text->find_first_of(std::string_view("\n\r\0", 3)) == std::string::npos) return *text;
    return error_at(node.at, fmt::format("{} must be one line", member.key));
  }
  if (const auto* number = std::get_if<int64_t>(&node.value)) return std::to_string(*number);
  if (const auto* flag = std::get_if<bool>(&node.value)) return std::string(*flag ? "1" : "0");
  return error_at(node.at, fmt::format("{} must be a string, a whole number, true or false", member.key));
}

bool is_option_name(std::string_view name) {
  return !name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == std::string_view::npos;
}

Result<void> check_option(const TomlMember& member, const PowerAccess& power) {
  const auto wrong = [&](std::string_view what) { return error_at(member.at, fmt::format("{} {}", member.key, what)); };
  if (!is_option_name(member.key)) return wrong("is no option of a fence agent");
  if (member.key == "action") return wrong("is what holdfast itself tells the agent");
  if (power.options.contains(member.key)) return wrong("stands in options already");
  return {};
}

Result<void> read_fence(const Table& table, PowerAccess& power) {
  power.agent = TRY(read_name(table, "agent"));
  if (!power.agent.starts_with("fence_")) {
    return table.error("agent", fmt::format("'{}' is no fence agent: their names begin with fence_", power.agent));
  }
  const auto options = TRY(table.members("options"));
  for (const TomlMember& member : options) {
    TRY(check_option(member, power));
    if (member.key.ends_with("passwd") || member.key.ends_with("password")) {
      return error_at(member.at, fmt::format("{} must not stand in this file", member.key))
          .because(fmt::format("write secrets = {{ {} = {{ env = \"NAME\" }} }}", member.key));
    }
    power.options[member.key] = TRY(option_text(member));
  }
  const auto secrets = TRY(table.members("secrets"));
  for (const TomlMember& member : secrets) {
    TRY(check_option(member, power));
    power.secrets[member.key] = TRY(read_secret_source(member, table.folder()));
  }
  return {};
}

Result<IpmiAccess> read_sol(const Table& table, const std::vector<PowerAccess>& power) {
  const auto bmc = std::ranges::find(power, PowerAccess::Kind::kIpmi, &PowerAccess::kind);
  auto ipmi = read_ipmi(table, bmc != power.end() ? bmc->ipmi : IpmiAccess{});
  if (!ipmi && bmc == power.end() && ipmi.error().hint.empty()) {
    ipmi.error().hint = "there is no [[host.power]] of type \"ipmi\" to take it from";
  }
  return ipmi;
}

bool is_variable_name(std::string_view name) {
  const auto is_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  return std::ranges::all_of(name, is_word) && std::isdigit(static_cast<unsigned char>(name.front())) == 0;
}

Result<unsigned> read_baud(const Table& table) {
  const std::vector<int64_t> rates{9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600, 1500000};
  const int64_t baud = TRY(table.integer("baud", {rates.front(), rates.back()}, ConsoleAccess{}.baud));
  if (std::ranges::find(rates, baud) != rates.end()) return static_cast<unsigned>(baud);
  return table.error("baud", fmt::format("no serial line has {} baud", baud))
      .because(fmt::format("known: {}", fmt::join(rates, ", ")));
}

}  // namespace

Result<SecretSource> read_secret_source(const TomlMember& member, const std::filesystem::path& folder) {
  const std::string how = fmt::format("write {0} = {{ env = \"NAME\" }} or {0} = {{ file = \"path\" }}", member.key);
  if (!std::holds_alternative<std::vector<TomlMember>>(member.node.value)) {
    return error_at(member.node.at, fmt::format("{} must not stand in this file; {}", member.key, how))
        .because("inventories are shared and kept; a secret comes from the environment or a file of its owner's alone");
  }
  const Table table = TRY(Table::open(member.node, sections::kSecret, folder));
  if (table.has("env") == table.has("file")) {
    return error_at(member.node.at, fmt::format("{} needs either env or file; {}", member.key, how));
  }
  SecretSource source{
      .variable = TRY(table.text_or("env", "")), .file = TRY(table.path("file")), .declared_at = member.at};
  if (!source.variable.empty() && !is_variable_name(source.variable)) {
    return table.error("env", fmt::format("'{}' cannot be the name of a variable", source.variable));
  }
  return source;
}

Result<SshAccess> read_ssh(const Table& table) {
  SshAccess ssh;
  if (const auto jump = TRY(table.table("jump", sections::kJump))) ssh.jump = TRY(read_endpoint(*jump, std::nullopt));
  ssh.host = TRY(read_endpoint(table, ssh.jump));
  return ssh;
}

Result<PowerAccess> read_power(const Table& table) {
  PowerAccess power;
  power.declared_at = table.at();
  const std::string type = TRY(table.type({"ipmi", "fence", "exec"}));
  if (type == "ipmi") {
    power.ipmi = TRY(read_ipmi(table, {}));
  } else if (type == "fence") {
    power.kind = PowerAccess::Kind::kFence;
    TRY(read_fence(table, power));
  } else {
    power.kind = PowerAccess::Kind::kExec;
    power.on = TRY(table.argv("on"));
    power.off = TRY(table.argv("off"));
    power.state = TRY(table.argv("state"));
  }
  return power;
}

Result<ConsoleAccess> read_console(const Table& table, const std::vector<PowerAccess>& power) {
  ConsoleAccess console;
  const std::string type = TRY(table.type({"none", "sol", "exec", "tcp", "serial"}));
  console.sysrq_word = TRY(table.text_or("sysrq_word", ""));
  if (type == "sol") {
    console.kind = ConsoleAccess::Kind::kSol;
    console.ipmi = TRY(read_sol(table, power));
  } else if (type == "exec") {
    console.kind = ConsoleAccess::Kind::kExec;
    console.argv = TRY(table.argv("argv"));
  } else if (type == "tcp") {
    console.kind = ConsoleAccess::Kind::kTcp;
    console.address = TRY(read_address(table));
    if (!table.has("port")) return table.missing("port");
    console.port = TRY(read_port(table, 0));
  } else if (type == "serial") {
    console.kind = ConsoleAccess::Kind::kSerial;
    if (!table.has("device")) return table.missing("device");
    console.device = TRY(table.path("device"));
    console.baud = TRY(read_baud(table));
  }
  return console;
}

}  // namespace holdfast::lab
