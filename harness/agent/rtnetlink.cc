// How is the kernel asked to configure an interface, without any program?
#include "harness/agent/rtnetlink.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "harness/agent/refusal.h"
#include "harness/base/text.h"

namespace holdfast::agent {
namespace {

template <class T>
std::string bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

/// Appends what follows a message's fixed part: a length, a kind, the value, padding.
void append_attribute(std::string& body, uint16_t kind, std::string_view value) {
  const rtattr head{.rta_len = static_cast<uint16_t>(RTA_LENGTH(value.size())), .rta_type = kind};
  body += bytes_of(head);
  body += value;
  body.resize(RTA_ALIGN(body.size()));
}

std::string_view text_of(const IpPrefix& address) {
  return {reinterpret_cast<const char*>(address.bytes.data()), address.bytes.size()};
}

}  // namespace

Result<IpPrefix> IpPrefix::parse(std::string_view text) {
  const auto bad = [&] { return bad_request(fmt::format("\"{}\" is no IP address with a prefix", text)); };
  const size_t slash = text.find('/');
  const std::string address(text.substr(0, slash));
  const bool six = address.find(':') != std::string::npos;
  IpPrefix prefix{.family = six ? AF_INET6 : AF_INET, .bytes = std::vector<uint8_t>(six ? 16 : 4), .length = 0};
  if (::inet_pton(prefix.family, address.c_str(), prefix.bytes.data()) != 1) return bad();
  const size_t bits = prefix.bytes.size() * 8;
  const auto length = slash == std::string_view::npos ? bits : parse_u64(text.substr(slash + 1));
  if (!length || *length > bits) return bad();
  prefix.length = static_cast<uint8_t>(*length);
  return prefix;
}

Result<RtNetlink> RtNetlink::open() {
  Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd) return kernel_refused("make a netlink socket", errno);
  return RtNetlink(std::move(fd));
}

Result<void> RtNetlink::ask(std::string_view attempted, uint16_t type, uint16_t flags, const std::string& body) {
  const nlmsghdr head{.nlmsg_len = static_cast<uint32_t>(NLMSG_LENGTH(body.size())),
                      .nlmsg_type = type,
                      .nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags),
                      .nlmsg_seq = ++sequence_,
                      .nlmsg_pid = 0};
  const std::string message = bytes_of(head) + body;
  if (::send(fd_.get(), message.data(), message.size(), 0) < 0) return kernel_refused(attempted, errno);
  while (true) {
    // The kernel answers before send() returns.
    alignas(nlmsghdr) std::array<char, 8192> reply{};
    const ssize_t got = ::recv(fd_.get(), reply.data(), reply.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(int)))) return kernel_refused(attempted, got < 0 ? errno : EIO);
    nlmsghdr answer{};
    std::memcpy(&answer, reply.data(), sizeof answer);
    if (answer.nlmsg_seq != sequence_ || answer.nlmsg_type != NLMSG_ERROR) continue;
    int error = 0;
    std::memcpy(&error, reply.data() + NLMSG_HDRLEN, sizeof error);
    if (error == 0 || error == -EEXIST) return {};
    return kernel_refused(attempted, -error);
  }
}

Result<void> RtNetlink::set_up(unsigned interface, uint32_t mtu) {
  ifinfomsg head{};
  head.ifi_index = static_cast<int>(interface);
  head.ifi_flags = IFF_UP;
  head.ifi_change = IFF_UP;
  std::string body = bytes_of(head);
  if (mtu != 0) append_attribute(body, IFLA_MTU, bytes_of(mtu));
  return ask(mtu == 0 ? "bring the interface up" : fmt::format("bring the interface up with an MTU of {}", mtu),
             RTM_NEWLINK, 0, body);
}

Result<void> RtNetlink::add_address(unsigned interface, const IpPrefix& address) {
  ifaddrmsg head{};
  head.ifa_family = static_cast<uint8_t>(address.family);
  head.ifa_prefixlen = address.length;
  head.ifa_index = interface;
  std::string body = bytes_of(head);
  append_attribute(body, IFA_LOCAL, text_of(address));
  append_attribute(body, IFA_ADDRESS, text_of(address));
  // The address was this machine's a moment ago: nobody else has it, and nothing can be bound to it while it is tried.
  if (address.family == AF_INET6) append_attribute(body, IFA_FLAGS, bytes_of(uint32_t{IFA_F_NODAD}));
  return ask("give the interface its address", RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, body);
}

Result<void> RtNetlink::add_route(unsigned interface, const IpPrefix& to, const IpPrefix& via) {
  rtmsg head{};
  head.rtm_family = static_cast<uint8_t>(to.family);
  head.rtm_dst_len = to.length;
  head.rtm_table = RT_TABLE_MAIN;
  head.rtm_protocol = RTPROT_STATIC;
  head.rtm_scope = RT_SCOPE_UNIVERSE;
  head.rtm_type = RTN_UNICAST;
  head.rtm_flags = RTNH_F_ONLINK;
  std::string body = bytes_of(head);
  if (to.length != 0) append_attribute(body, RTA_DST, text_of(to));
  append_attribute(body, RTA_GATEWAY, text_of(via));
  append_attribute(body, RTA_OIF, bytes_of(interface));
  return ask("add a route", RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, body);
}

}  // namespace holdfast::agent
