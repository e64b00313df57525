// What a plugin source includes: the SDK, and the one macro that exports a component.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

#include <pellucid/context.h>
#include <pellucid/model.h>
#include <pellucid/operator.h>
#include <pellucid/ports.h>
#include <pellucid/prior.h>
#include <pellucid/schema.h>
#include <pellucid/spec.h>
#include <pellucid/stage.h>

namespace pellucid {

/// What a component is. Objects say which port they may be plugged into.
enum class Kind {
  source,
  stage,
  reducer,
  procedure,
  sink,
  operator_,
  operator_linear,
  operator_convolution,
  prior,
  denoiser,
  functional,
  model,
};

/// "stage", "operator.linear", ...
PELLUCID_EXPORT const char* name_of(Kind kind);
PELLUCID_EXPORT bool is_object(Kind kind);
/// The port type of an object kind.
PELLUCID_EXPORT PortType port_type_of(Kind kind);

/// What a component says about itself. Plain data; fields are only ever appended.
struct ComponentDescriptor {
  std::uint32_t size;   ///< sizeof(ComponentDescriptor) when the plugin was built
  const char* name;     ///< the part after the slash in `use:`
  const char* summary;  ///< one line
  Kind kind;
  const Ports& (*ports)();
  /// Makes the component from the settings of a node. Settings that do not fit add problems, and
  /// the result is null. The constructor may throw ConfigError.
  std::unique_ptr<Component> (*create)(const Value& settings, Problems& problems);
  const char* manual;  ///< the comment at the top of the source file, without the slashes
  const std::vector<Field>& (*fields)();
};

/// What a plugin library says about itself, under the C symbol `pellucid_plugin`.
struct PluginDescriptor {
  std::uint32_t size;   ///< sizeof(PluginDescriptor) when the plugin was built
  const char* stamp;    ///< PELLUCID_ABI_STAMP; also found in the file before it is loaded
  const char* name;     ///< the part before the slash in `use:`
  const char* version;  ///< the plugin's own version
  const ComponentDescriptor* const* components;  ///< ends with null; the list is made by CMake
};

namespace detail {

inline const Ports& no_ports() {
  static const Ports none{};
  return none;
}

template <class C>
const Ports& ports_of() {
  if constexpr (requires { C::ports(); }) return C::ports();
  else return no_ports();
}

template <class C>
constexpr bool has_schema = requires {
  C::schema().fields();
};

template <class C>
const std::vector<Field>& fields_of() {
  if constexpr (has_schema<C>) {
    return C::schema().fields();
  } else {
    static const std::vector<Field> none;
    return none;
  }
}

template <class C>
std::unique_ptr<Component> create(const Value& settings, Problems& problems) {
  const std::size_t before = problems.size();
  if constexpr (has_schema<C>) {
    auto parsed = C::schema().parse(settings, problems);
    if (problems.size() != before) return nullptr;
    return std::make_unique<C>(std::move(parsed));
  } else {
    check_keys(settings, {}, problems);
    if (problems.size() != before) return nullptr;
    return std::make_unique<C>();
  }
}

template <class C>
Kind kind_of() {
  if constexpr (std::is_base_of_v<ConvolutionOperator, C>) return Kind::operator_convolution;
  else if constexpr (std::is_base_of_v<LinearOperator, C>) return Kind::operator_linear;
  else if constexpr (std::is_base_of_v<Operator, C>) return Kind::operator_;
  else if constexpr (std::is_base_of_v<LatentPrior, C>) return Kind::prior;
  else if constexpr (std::is_base_of_v<Denoiser, C>) return Kind::denoiser;
  else if constexpr (std::is_base_of_v<Functional, C>) return Kind::functional;
  else if constexpr (std::is_base_of_v<Model, C>) return Kind::model;
  else if constexpr (std::is_base_of_v<Reducer, C>) return Kind::reducer;
  else if constexpr (std::is_base_of_v<Procedure, C>) return Kind::procedure;
  else if constexpr (std::is_base_of_v<Sink, C>) return Kind::sink;
  else {
    static_assert(std::is_base_of_v<Stage, C>,
                  "derive from Stage, Reducer, Procedure, Sink or an object");
    for (const Port& port : ports_of<C>().all())
      if (port.direction == Port::Direction::in) return Kind::stage;
    return Kind::source;
  }
}

}  // namespace detail

}  // namespace pellucid

/// Makes this file a component of its plugin. Use once, at the end of the file. Name, symbol and
/// manual come from `pellucid_add_plugin`, which defines them for each source (`mbt2018-mean.cpp`
/// is the component `mbt2018-mean`, its symbol ends in `mbt2018_mean`).
#define PELLUCID_COMPONENT(Class, summary_)                                         \
  extern "C" const char PELLUCID_COMPONENT_MANUAL[];                                \
  extern "C" const ::pellucid::ComponentDescriptor PELLUCID_COMPONENT_SYMBOL;       \
  const ::pellucid::ComponentDescriptor PELLUCID_COMPONENT_SYMBOL {                 \
    sizeof(::pellucid::ComponentDescriptor), PELLUCID_COMPONENT_NAME, summary_,     \
        ::pellucid::detail::kind_of<Class>(), &::pellucid::detail::ports_of<Class>, \
        &::pellucid::detail::create<Class>, PELLUCID_COMPONENT_MANUAL,              \
        &::pellucid::detail::fields_of<Class>                                       \
  }
