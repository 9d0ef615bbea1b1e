// Field tables: how a plain struct is written as JSON and read back.
//
//   template <> struct Fields<Port> {
//     static constexpr auto table = std::make_tuple(
//         field("HostIp", &Port::host_ip), field("HostPort", &Port::host_port));
//   };
//
// Go's shapes are kept: std::optional is a pointer or a nil slice or map (null when
// empty), a bare vector or map is never null, Omit::Empty is `omitempty`. An unknown
// member is ignored, as Docker does; one of a wrong type is an InvalidArgument with
// Go's words. Include this only in the .cc file that owns the table.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace wharf::base {

enum class Omit { Never, Empty };

template <class T, class M>
struct Field {
  const char* name;
  M T::* member;
  Omit omit;
};

template <class T, class M>
constexpr Field<T, M> field(const char* name, M T::* member, Omit omit = Omit::Never) {
  return {name, member, omit};
}

template <class T>
struct Fields;

template <class T>
concept HasFields = requires { Fields<T>::table; };

/// "string", "number", "object" ... as Go's decoder names JSON values.
const char* go_kind(const Json& value);

[[noreturn]] void wrong_type(const Json& value, const std::string& path, const char* wanted);

namespace fields {

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};
template <class T>
struct IsMap : std::false_type {};
template <class T>
struct IsMap<std::map<std::string, T>> : std::true_type {};

template <class T>
bool is_empty(const T& value) {
  if constexpr (IsOptional<T>::value) {
    if (!value.has_value()) return true;
    using Inner = typename T::value_type;
    // A Go slice or map is omitted when it has no elements; a pointer only when nil.
    if constexpr (IsVector<Inner>::value || IsMap<Inner>::value) return value->empty();
    return false;
  } else if constexpr (std::is_same_v<T, std::string> || IsVector<T>::value || IsMap<T>::value) {
    return value.empty();
  } else if constexpr (std::is_same_v<T, Json>) {
    return value.is_null();
  } else if constexpr (std::is_arithmetic_v<T>) {
    return value == T{};
  } else {
    return false;
  }
}

}  // namespace fields

template <class T>
Json to_json(const T& value) {
  if constexpr (std::is_same_v<T, Json>) {
    return value;
  } else if constexpr (HasFields<T>) {
    JsonObject object;
    std::apply(
        [&](const auto&... each) {
          [[maybe_unused]] auto one = [&](const auto& f) {
            const auto& member = value.*(f.member);
            if (f.omit == Omit::Empty && fields::is_empty(member)) return;
            object.emplace(f.name, to_json(member));
          };
          (one(each), ...);
        },
        Fields<T>::table);
    return object;
  } else if constexpr (fields::IsOptional<T>::value) {
    return value ? to_json(*value) : Json(nullptr);
  } else if constexpr (fields::IsVector<T>::value) {
    JsonArray array;
    array.reserve(value.size());
    for (const auto& element : value) array.push_back(to_json(element));
    return array;
  } else if constexpr (fields::IsMap<T>::value) {
    JsonObject object;
    for (const auto& [key, element] : value) object.emplace(key, to_json(element));
    return object;
  } else if constexpr (std::is_same_v<T, std::string>) {
    return Json(boost::json::string(value));
  } else {
    return Json(value);
  }
}

/// Reads `json` into `value`; null leaves a value as it is (and empties an optional).
template <class T>
void from_json(const Json& json, T& value, const std::string& path = {}) {
  if constexpr (std::is_same_v<T, Json>) {
    value = json;
  } else if constexpr (fields::IsOptional<T>::value) {
    if (json.is_null()) {
      value.reset();
      return;
    }
    typename T::value_type inner = value.value_or(typename T::value_type{});
    from_json(json, inner, path);
    value = std::move(inner);
  } else if (json.is_null()) {
    return;
  } else if constexpr (HasFields<T>) {
    if (!json.is_object()) wrong_type(json, path, "object");
    [[maybe_unused]] const JsonObject& object = json.get_object();
    std::apply(
        [&](const auto&... each) {
          [[maybe_unused]] auto one = [&](const auto& f) {
            const Json* member = find(object, f.name);
            if (member)
              from_json(*member, value.*(f.member), path.empty() ? f.name : path + "." + f.name);
          };
          (one(each), ...);
        },
        Fields<T>::table);
  } else if constexpr (fields::IsVector<T>::value) {
    if (!json.is_array()) wrong_type(json, path, "array");
    value.clear();
    for (const Json& element : json.get_array()) {
      value.emplace_back();
      typename T::value_type read{};
      from_json(element, read, path);
      value.back() = std::move(read);
    }
  } else if constexpr (fields::IsMap<T>::value) {
    if (!json.is_object()) wrong_type(json, path, "map");
    value.clear();
    for (const auto& [key, element] : json.get_object()) {
      typename T::mapped_type read{};
      from_json(element, read, path);
      value.insert_or_assign(std::string(key), std::move(read));
    }
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (!json.is_string()) wrong_type(json, path, "string");
    value = std::string(json.get_string());
  } else if constexpr (std::is_same_v<T, bool>) {
    if (!json.is_bool()) wrong_type(json, path, "bool");
    value = json.get_bool();
  } else if constexpr (std::is_integral_v<T>) {
    boost::system::error_code failed;
    const T read = json.to_number<T>(failed);
    if (failed) wrong_type(json, path, std::is_signed_v<T> ? "int64" : "uint64");
    value = read;
  } else {
    boost::system::error_code failed;
    const T read = json.to_number<T>(failed);
    if (failed) wrong_type(json, path, "float64");
    value = read;
  }
}

}  // namespace wharf::base
