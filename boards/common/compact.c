// Takes out of modules and classes, once they are made, what no device needs: room for more entries, and of a class
// the names that its body was given. Both stay usable and can grow again.
//
// Hooked in as the built-in functions are that a program may replace. Whoever replaces them again calls these.

#include "py/builtin.h"
#include "py/objtype.h"
#include "py/runtime.h"

#include "compact.h"

static void drop(mp_map_t *map, qstr name) {
    mp_map_lookup(map, MP_OBJ_NEW_QSTR(name), MP_MAP_LOOKUP_REMOVE_IF_FOUND);
}

static void fit(mp_map_t *map) {
    if (map->is_fixed || map->alloc == map->used) {
        return;
    }
    mp_map_t fitting;
    mp_map_init(&fitting, map->used);
    for (size_t i = 0; i < map->alloc; i++) {
        if (mp_map_slot_is_filled(map, i)) {
            mp_map_lookup(&fitting, map->table[i].key, MP_MAP_LOOKUP_ADD_IF_NOT_FOUND)->value = map->table[i].value;
        }
    }
    m_del(mp_map_elem_t, map->table, map->alloc);
    map->table = fitting.table;
    map->alloc = fitting.alloc;
}

static mp_obj_t build_class(size_t n_args, const mp_obj_t *args) {
    mp_obj_t made = mp_call_function_n_kw(MP_OBJ_FROM_PTR(&mp_builtin___build_class___obj), n_args, 0, args);
    if (mp_obj_is_type(made, &mp_type_type)) {
        const mp_obj_type_t *type = MP_OBJ_TO_PTR(made);
        mp_map_t *locals = &MP_OBJ_TYPE_GET_SLOT(type, locals_dict)->map;
        drop(locals, MP_QSTR___module__);
        drop(locals, MP_QSTR___qualname__);
        fit(locals);
    }
    return made;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR(build_class_obj, 2, build_class);

static mp_obj_t import(size_t n_args, const mp_obj_t *args) {
    mp_obj_t imported = mp_builtin___import__(n_args, args);
    mp_map_elem_t *found = mp_map_lookup(&MP_STATE_VM(mp_loaded_modules_dict).map, args[0], MP_MAP_LOOKUP);
    if (found != NULL && mp_obj_is_type(found->value, &mp_type_module)) {
        fit(&mp_obj_module_get_globals(found->value)->map);
    }
    return imported;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(import_obj, 1, 5, import);

void compact_init(void) {
    mp_obj_t builtins = MP_OBJ_FROM_PTR(&mp_module_builtins);
    mp_store_attr(builtins, MP_QSTR___build_class__, MP_OBJ_FROM_PTR(&build_class_obj));
    mp_store_attr(builtins, MP_QSTR___import__, MP_OBJ_FROM_PTR(&import_obj));
}
