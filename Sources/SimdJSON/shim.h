/* The library is C++; Swift sees it through CSimdJSON. */
